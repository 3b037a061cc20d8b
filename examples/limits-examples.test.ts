import { describe, expect, test } from "@jest/globals";
import { createLimiter, type LimitInput, memoryStore, type Store } from "@tollgate/core";

import { cleanUp, type Every, everyUnref, run as runCleanUp } from "./clean-up.ts";
import { run as runConcurrency } from "./concurrency.ts";
import { run as runPrometheus, start as startMetrics } from "./prometheus.ts";
import { run as runShadow } from "./shadow.ts";
import { run as runWindows } from "./windows.ts";

/** What an example prints. */
async function linesOf(run: (say: (line: string) => void) => unknown): Promise<string[]> {
  const lines: string[] = [];
  await run((line) => lines.push(line));
  return lines;
}

test("windows: a fixed window, a sliding one and a log differ at a boundary, and days in length", async () => {
  expect(await linesOf(runWindows)).toEqual([
    "Ten calls a minute",
    "  0:00: fixed 1, sliding 1, sliding-log 1 of 1 admitted",
    "  0:59: fixed 9, sliding 9, sliding-log 9 of 20 admitted",
    "A second later a fixed window begins anew, and the others remember",
    "  1:00: fixed 10, sliding 0, sliding-log 1 of 20 admitted",
    "  1:30: fixed 0, sliding 5, sliding-log 0 of 20 admitted",
    "A counter weighs its last minute as if it had been even; a log knows when its calls came",
    "  1:59: fixed 0, sliding 4, sliding-log 9 of 20 admitted",
    "Three calls a day by the calendar of Berlin, whose clocks go forward on 29 March 2026",
    "  spent an hour before midnight: 1 h to wait, 24 h otherwise",
    "  at midnight 3 more, and this day lasts 23 h",
    "... and back on 25 October",
    "  spent an hour before midnight: 1 h to wait, 24 h otherwise",
    "  at midnight 3 more, and this day lasts 25 h",
  ]);
});

test("concurrency: slots are taken by calls that run, and free at their end or that of their lease", async () => {
  expect(await linesOf(runConcurrency)).toEqual([
    "Ann may have two calls running; a third is refused",
    "  refused: there is room in 50 s at the latest",
    "The first ends, and its slot is free at once",
    "  admitted",
    "Who would rather wait is let in when the next one ends",
    "  1 waiting for 5 s",
    "  admitted, 0 waiting",
    "A call that goes on renews its lease; one that died does not, and loses its slot",
    "  2 of 2 slots taken",
    "  10 s later 1 of 2 slots taken",
    "If it ends after all, that frees no other's",
    "  1 of 2 slots taken",
    "A call may take several slots, but not more than there are",
    "  refused: there is room in 50 s at the latest",
    '  impossible: limit "running" can never admit concurrency 3: at most 2',
  ]);
});

test("shadow: a limit on trial tells whom it would refuse, and refuses them once it is enforced", async () => {
  expect(await linesOf(runShadow)).toEqual([
    "Three users spend as they do; the planned limit only looks on",
    "  ann: 0 of 4 refused; it would be 0",
    "  bob: 0 of 12 refused; it would be 7",
    "  cid: 0 of 6 refused; it would be 1",
    "What it counts is what they really use, above the number that is planned",
    "  bob: 12 of 5",
    "A minute later it is enforced, with 10 rather than 5",
    "  bob: 2 refused",
  ]);
});

/** Timers that keep this process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

const minutely: LimitInput = { type: "count", window: "minute", limit: 10 };

describe("clean-up", () => {
  test("removes what has expired, and nothing after the shutdown", async () => {
    expect(await linesOf(runCleanUp)).toEqual([
      "A thousand callers come once, and are kept for as long as any of their usage counts",
      "  1000 callers kept",
      "  59 min later: 1000 callers kept",
      "  2000 cells removed",
      "  1 min later: 0 callers kept",
      "After the shutdown nothing is removed any more",
      "  10 callers kept",
      "  120 min later: 10 callers kept",
    ]);
  });

  test("keeps no process alive", () => {
    const before = timers();
    const stop = everyUnref(600_000, () => undefined);
    expect(timers()).toBe(before);
    stop();
  });

  test("goes on after a failure, and never asks twice at a time", async () => {
    const sweeps: ((cells: number | Error) => void)[] = [];
    const store: Store = {
      ...memoryStore(),
      synchronous: false,
      sweep: async () =>
        new Promise((resolve, reject) => {
          sweeps.push((cells) => {
            if (typeof cells === "number") resolve(cells);
            else reject(cells);
          });
        }),
    };
    const events: string[] = [];
    const removed: number[] = [];
    const limiter = createLimiter({
      limits: [minutely],
      store,
      onEvent: ({ type }) => events.push(type),
    });
    const tasks = new Set<() => void>();
    const tick = (): void => {
      for (const task of tasks) task();
    };
    const every: Every = (_periodMs, task) => {
      tasks.add(task);
      return () => {
        tasks.delete(task);
      };
    };
    const stop = cleanUp(limiter, { every, onRemoved: (cells) => removed.push(cells) });
    tick();
    tick();
    expect(sweeps).toHaveLength(1);
    sweeps[0]?.(new Error("the database is away"));
    await new Promise(setImmediate);
    expect(events).toEqual(["storeFailure"]);
    tick();
    sweeps[1]?.(7);
    await new Promise(setImmediate);
    expect(removed).toEqual([7]);
    stop();
    tick();
    expect(sweeps).toHaveLength(2);
  });
});

describe("prometheus", () => {
  test("shows what was decided, settled and waited for, and what chosen subjects have used", async () => {
    expect(await linesOf(runPrometheus)).toEqual([
      "# HELP tollgate_calls_total Calls that were decided.",
      "# TYPE tollgate_calls_total counter",
      'tollgate_calls_total{limiter="default",outcome="admitted"} 4',
      'tollgate_calls_total{limiter="default",outcome="refused"} 1',
      'tollgate_calls_total{limiter="default",outcome="impossible"} 1',
      "# HELP tollgate_limit_decisions_total Calls by the limits that admitted or refused them.",
      "# TYPE tollgate_limit_decisions_total counter",
      'tollgate_limit_decisions_total{limiter="default",limit="burst",outcome="admitted"} 4',
      'tollgate_limit_decisions_total{limiter="default",limit="daily",outcome="admitted"} 4',
      'tollgate_limit_decisions_total{limiter="default",limit="planned",outcome="shadow-refused"} 3',
      'tollgate_limit_decisions_total{limiter="default",limit="burst",outcome="refused"} 1',
      'tollgate_limit_decisions_total{limiter="default",limit="daily",outcome="impossible"} 1',
      "# HELP tollgate_settled_units_total What settled calls have cost, by where that is known from.",
      "# TYPE tollgate_settled_units_total counter",
      'tollgate_settled_units_total{limiter="default",type="count",source="measured"} 1',
      'tollgate_settled_units_total{limiter="default",type="token",source="measured"} 120',
      "# HELP tollgate_waited_total Calls that had to wait.",
      "# TYPE tollgate_waited_total counter",
      'tollgate_waited_total{limiter="default",outcome="admitted"} 1',
      "# HELP tollgate_waited_seconds_total How long calls have waited.",
      "# TYPE tollgate_waited_seconds_total counter",
      'tollgate_waited_seconds_total{limiter="default"} 60',
      "# HELP tollgate_store_failures_total Failures of the store.",
      "# TYPE tollgate_store_failures_total counter",
      "# HELP tollgate_waiting Calls that are waiting.",
      "# TYPE tollgate_waiting gauge",
      'tollgate_waiting{limiter="default"} 0',
      "# HELP tollgate_used_units Units in force, held ones included.",
      "# TYPE tollgate_used_units gauge",
      'tollgate_used_units{limiter="default",limit="burst",scope="tenant",id="acme"} 1',
      'tollgate_used_units{limiter="default",limit="daily",scope="tenant",id="acme"} 220',
      'tollgate_used_units{limiter="default",limit="planned",scope="tenant",id="acme"} 1',
      'tollgate_used_units{limiter="default",limit="burst",scope="tenant",id="the \\"best\\" company"} 0',
      'tollgate_used_units{limiter="default",limit="daily",scope="tenant",id="the \\"best\\" company"} 0',
      'tollgate_used_units{limiter="default",limit="planned",scope="tenant",id="the \\"best\\" company"} 0',
      "# HELP tollgate_limit_units Units that the limit has.",
      "# TYPE tollgate_limit_units gauge",
      'tollgate_limit_units{limiter="default",limit="burst",scope="tenant",id="acme"} 3',
      'tollgate_limit_units{limiter="default",limit="daily",scope="tenant",id="acme"} 1000',
      'tollgate_limit_units{limiter="default",limit="planned",scope="tenant",id="acme"} 1',
      'tollgate_limit_units{limiter="default",limit="burst",scope="tenant",id="the \\"best\\" company"} 3',
      'tollgate_limit_units{limiter="default",limit="daily",scope="tenant",id="the \\"best\\" company"} 1000',
      'tollgate_limit_units{limiter="default",limit="planned",scope="tenant",id="the \\"best\\" company"} 1',
    ]);
  });

  test("escapes what a label may not hold", async () => {
    const limiter = createLimiter({ limits: [minutely] });
    const metrics = await startMetrics(limiter, { subjects: ['a"b\\c\nd'] });
    const answer = await fetch(metrics.url);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await answer.text()).split("\n");
    await metrics.close();
    expect(lines.filter((line) => line.startsWith("tollgate_used_units"))).toEqual([
      String.raw`tollgate_used_units{limiter="default",limit="count-per-minute-caller",scope="caller",id="a\"b\\c\nd"} 0`,
    ]);
  });

  test("answers 503 where usage cannot be read", async () => {
    const limiter = createLimiter({ limits: [minutely] });
    const metrics = await startMetrics(limiter, { subjects: ["ann"] });
    limiter.close();
    const answer = await fetch(metrics.url);
    await metrics.close();
    expect(answer.status).toBe(503);
  });
});
