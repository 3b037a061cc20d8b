import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { LimitInput } from "@tollgate/core";

import { type Client, clients } from "./official-clients.clients.ts";
import { createRuns, PATIENCE_MS, playAll, type Scenario } from "./official-clients.runs.ts";
import { type Framework, frameworks, startStage } from "./official-clients.stage.ts";
import { tableOf } from "./official-clients.table.ts";

const one = (window: "2s" | "7s" | "61s" | "1800s" | "30d"): readonly LimitInput[] => [
  { type: "count", window, limit: 1, name: "calls" },
];
const tooMuch = {
  limits: [{ type: "token", window: "minute", limit: 1000, name: "tokens" }],
  cost: () => ({ token: 5000 }),
} as const satisfies Scenario["options"];

const short: Scenario = { name: "2 s", options: { limits: one("2s") }, firstPasses: true };
const long: readonly Scenario[] = [
  { name: "61 s", options: { limits: one("61s") }, firstPasses: true },
  { name: "1800 s", options: { limits: one("1800s") }, firstPasses: true },
  { name: "30 d", options: { limits: one("30d") }, firstPasses: true },
  {
    name: "1800 s as 403",
    options: { limits: one("1800s"), longWaitStatus: 403 },
    firstPasses: true,
  },
  {
    name: "1800 s as 402",
    options: { limits: one("1800s"), longWaitStatus: 402 },
    firstPasses: true,
  },
  { name: "impossible", options: tooMuch, firstPasses: false },
  {
    name: "impossible as 413",
    options: { ...tooMuch, impossibleStatus: 413 },
    firstPasses: false,
  },
];

/** How far a client may come after the time it was told. */
const LATENESS_MS = 1500;
/** Timers count whole milliseconds, and may so end up to one before. */
const TICK_MS = 1;

const runs = createRuns();

beforeAll(async () => {
  // Clients load what they need with their first call and their first refusal: too slow to be timed.
  await playAll([short], createRuns());
  await playAll([short], runs);
  // By themselves, so that the crowd does not delay the waits above.
  await playAll(long, runs);
}, 180_000);

afterAll(() => {
  const scenarios = [short, ...long].map(({ name }) => name);
  process.stdout.write(`${tableOf(runs, scenarios)}\n`);
});

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** The status as it reaches the application; the AI SDK wraps the last error in one of its own. */
function statusOf(thrown: unknown): unknown {
  const error = memberOf(thrown, "lastError") ?? thrown;
  return memberOf(error, "status") ?? memberOf(error, "statusCode");
}

/** The wait that a client goes by: all but LangChain.js read the exact one. */
const toldMs = ({ family }: Client, field: (name: string) => string): number =>
  family === "langchain" ? Number(field("retry-after")) * 1000 : Number(field("retry-after-ms"));

const expectGap = (gapMs: number | undefined, waitMs: number): void => {
  expect(gapMs).toBeGreaterThanOrEqual(waitMs - TICK_MS);
  expect(gapMs).toBeLessThanOrEqual(waitMs + LATENESS_MS);
};

/** One attempt, an error with the status, and no waiting. */
function expectStops(scenario: string, framework: Framework, client: Client, status: number): void {
  const { attempts, outcome, result, tookMs } = runs.of(scenario, framework, client);
  expect(attempts.map((attempt) => attempt.status)).toStrictEqual([status]);
  expect(outcome).toBe("failed");
  expect(statusOf(result)).toBe(status);
  expect(tookMs).toBeLessThan(PATIENCE_MS);
}

/** What the AI SDK does when told nothing it heeds: three attempts after back-offs of its own. */
function expectBacksOff(scenario: string, framework: Framework, client: Client): void {
  const { attempts, gapsMs, outcome, result } = runs.of(scenario, framework, client);
  expect(attempts.map(({ status }) => status)).toStrictEqual([429, 429, 429]);
  expectGap(gapsMs[0], 2000);
  expectGap(gapsMs[1], 4000);
  expect(outcome).toBe("failed");
  expect(statusOf(result)).toBe(429);
}

const expectHeedsOrBacksOff = (scenario: string, framework: Framework, client: Client): void => {
  if (client.family === "ai") expectBacksOff(scenario, framework, client);
  else expectStops(scenario, framework, client, 429);
};

describe.each(frameworks)("on %s", (framework) => {
  test.each(clients)("D-HDR-03 $name waits as it is told, and succeeds", (client) => {
    const { attempts, gapsMs, outcome, result } = runs.of(short.name, framework, client);
    expect(attempts.map(({ status }) => status)).toStrictEqual([429, 200]);
    const [refused] = attempts;
    const field = refused?.field ?? String;
    expect(field("retry-after")).toMatch(/^[12]$/);
    expect(field("retry-after-ms")).toMatch(/^\d+$/);
    expect(Number(field("retry-after-ms"))).toBeLessThanOrEqual(2200);
    expect(field("x-should-retry")).toBe("");
    expectGap(gapsMs[0], toldMs(client, field));
    expect({ outcome, result }).toStrictEqual({ outcome: "answered", result: "pong" });
  });

  test.each(clients)("D-HDR-02 $name does not sit out, nor hammer, a long wait", (client) => {
    for (const [scenario, seconds] of [
      ["1800 s", 1800],
      ["30 d", 86_400],
    ] as const) {
      const [refused] = runs.of(scenario, framework, client).attempts;
      const told = Number(refused?.field("retry-after"));
      expect([seconds - 1, seconds]).toContain(told);
      expect(Number(refused?.field("retry-after-ms"))).toBeGreaterThan((seconds - 2) * 1000);
      expect(refused?.field("x-should-retry")).toBe("false");
      expectHeedsOrBacksOff(scenario, framework, client);
    }
  });

  test.each(clients.filter(({ family }) => family !== "ai"))(
    "D-HDR-02 $name stops at 61 s, and tells the application why",
    (client) => {
      expectStops("61 s", framework, client, 429);
      const { result } = runs.of("61 s", framework, client);
      expect(memberOf(result, "message")).toMatch(/ will reset at \d{4}-\d\d-\d\dT/);
      if (client.family === "anthropic") return;
      expect(memberOf(result, "code")).toBe("insufficient_quota");
    },
  );

  test.each(clients.filter(({ family }) => family === "ai"))(
    "D-HDR-02 $name comes back too early once at 61 s, and then waits for what is left of them",
    (client) => {
      const { attempts, gapsMs, outcome } = runs.of("61 s", framework, client);
      expect(attempts.map(({ status }) => status)).toStrictEqual([429, 429]);
      expectGap(gapsMs[0], 2000);
      expect(attempts.map(({ field }) => field("x-should-retry"))).toStrictEqual(["false", ""]);
      expect(outcome).toBe("aborted");
    },
  );

  test.each(clients)("D-HDR-02 $name stops at a long wait told as 403 or 402", (client) => {
    expectStops("1800 s as 403", framework, client, 403);
    expectStops("1800 s as 402", framework, client, 402);
  });

  test.each(clients)("D-HDR-09 $name learns that a request never fits", (client) => {
    for (const scenario of ["impossible", "impossible as 413"]) {
      const { attempts, result } = runs.of(scenario, framework, client);
      for (const { field } of attempts) {
        expect([field("retry-after"), field("retry-after-ms")]).toStrictEqual(["", ""]);
        expect(field("x-should-retry")).toBe("false");
      }
      expect(memberOf(result, "message")).toContain("Limit 1000, Requested 5000");
    }
    expectHeedsOrBacksOff("impossible", framework, client);
    expectStops("impossible as 413", framework, client, 413);
  });

  test.each([...new Set(clients.map(({ path }) => path)), "/elsewhere"])(
    "D-HDR-03 a wait of 7 s at %s is Retry-After: 7",
    async (path) => {
      const stage = await startStage(framework, { limits: one("7s") });
      const ask = async (): Promise<Response> =>
        fetch(`${stage.url}${path}`, { method: "POST", headers: { "x-api-key": "key" } });
      await ask();
      const { status, headers } = await ask();
      await stage.close();
      expect([status, headers.get("retry-after")]).toStrictEqual([429, "7"]);
    },
  );
});
