import { describe, expect, jest, test } from "@jest/globals";

import { getDecision, isRateLimitError, isTollgateError } from "../errors.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { limits, reasonOf, remoteStore, serviceStage, slots } from "./service.test-support.ts";

const subject = "ann";
const double = (n: number): number => n * 2;
const lengthOf = async (text: string) => ({ token: text.length });
const fail = (): never => {
  throw new Error("upstream");
};

function scaled(this: { readonly factor: number }, a: number, b = 1): number {
  return a * b * this.factor;
}

/** A function that ends when it is told to. */
function pausing() {
  const ends: ((value: string) => void)[] = [];
  const run = async (_signal?: AbortSignal): Promise<string> =>
    new Promise((resolve) => {
      ends.push(resolve);
    });
  return { run, end: (value = "done") => ends.shift()?.(value), running: () => ends.length };
}

const ticks = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe("a guarded function", () => {
  test("passes arguments and this on, and returns what the function returns", async () => {
    const { limiter, used } = serviceStage();
    const of = { factor: 3, times: guard(limiter, scaled, { subject }) };
    expect(await of.times(2, 5)).toBe(30);
    expect(await guard(limiter, async (n: number) => n + 1, { subject })(1)).toBe(2);
    expect(used()).toEqual({ count: [2, 0], token: [0, 0] });
  });

  test("keeps the function's name, length and properties", () => {
    const { limiter } = serviceStage();
    const tagged = Object.assign(async (n: number) => n, { tag: "x" });
    const { name, length, tag } = guard(limiter, tagged, { subject });
    expect([name, length, tag]).toEqual([tagged.name, 1, "x"]);
    expect(guard(limiter, double, { subject }).name).toBe("double");
  });

  test("throws what the function throws, at once or later", async () => {
    const { limiter } = serviceStage();
    await expect(guard(limiter, fail, { subject })()).rejects.toThrow("upstream");
    const later = guard(limiter, async () => fail(), { subject });
    await expect(later()).rejects.toThrow("upstream");
  });

  test("tells subject and cost from the arguments, at once or later", async () => {
    const { limiter, used } = serviceStage();
    const send = guard(limiter, (to: string, text: string) => `${to}: ${text}`, {
      subject: async (to) => to,
      cost: async (_, text) => ({ token: text.length }),
    });
    await send("ann", "hello");
    await send("bob", "hi");
    expect(used("ann")).toEqual({ count: [1, 0], token: [5, 0] });
    expect(used("bob")).toEqual({ count: [1, 0], token: [2, 0] });
  });

  test("D-CFG-07 is not run when refused, which is recognised through any wrapping", async () => {
    const { limiter, clock, used } = serviceStage();
    let runs = 0;
    const run = guard(limiter, () => (runs += 1), { subject, cost: { token: 60 } });
    await run();
    const refusal = await reasonOf(run());
    const wrapped = new Error("handler", { cause: new Error("service", { cause: refusal }) });
    expect(runs).toBe(1);
    expect(isRateLimitError(wrapped)).toBe(true);
    expect(getDecision(wrapped)).toMatchObject({ outcome: "refused", retryAfterMs: 60_000 });
    expect(refusal).toMatchObject({ code: "REFUSED", message: getDecision(refusal)?.reason });
    expect(used()).toEqual({ count: [1, 0], token: [60, 0] });
    clock.advance(60_000);
    expect(await run()).toBe(2);
  });

  test("waits for room when it may, and is refused or broken off when it may not any more", async () => {
    const { limiter } = serviceStage(slots);
    const { run, end, running } = pausing();
    const aborting = new AbortController();
    const wait = { maxWaitMs: 1000, signal: (signal?: AbortSignal) => signal };
    const waiting = guard(limiter, run, { subject, wait });
    const first = waiting();
    await ticks();
    const second = waiting();
    const third = waiting(aborting.signal);
    await ticks();
    expect(running()).toBe(1);
    aborting.abort(new Error("gone"));
    await expect(third).rejects.toThrow("gone");
    end("first");
    expect(await first).toBe("first");
    await ticks();
    end("second");
    expect(await second).toBe("second");
  });

  test("is not limited by a limiter that is switched off", async () => {
    const limiter = createLimiter({ limits, enabled: false });
    expect(await guard(limiter, double, { subject, settle: () => ({ token: 1 }) })(2)).toBe(4);
  });

  test("throws what the limits cannot be asked with, and does not run", async () => {
    const { limiter } = serviceStage();
    let runs = 0;
    const run = (): number => (runs += 1);
    const thrown = async (options: GuardOptions<() => number>): Promise<unknown> =>
      reasonOf(guard(limiter, run, options)());
    expect(await thrown({ subject, cost: { tokens: 1 } })).toMatchObject({ code: "INVALID_COST" });
    expect(await thrown({ subject: {} })).toMatchObject({ code: "MISSING_SCOPE" });
    expect(await thrown({ subject: fail })).toMatchObject({ message: "upstream" });
    expect(await thrown({ subject, cost: fail })).toMatchObject({ message: "upstream" });
    for (const json of ["5", "null"]) {
      const cost = () => JSON.parse(json);
      expect(await thrown({ subject, cost })).toMatchObject({ code: "INVALID_COST" });
    }
    const wait = { signal: () => JSON.parse("{}") };
    expect(await thrown({ subject, wait })).toMatchObject({ path: "wait.signal" });
    expect(runs).toBe(0);
  });
});

describe("the cost of a guarded call", () => {
  const cost = { token: 40 };

  test("is held while it runs, and settled to what the result tells", async () => {
    const { limiter, used, settled } = serviceStage();
    const { run, end } = pausing();
    const call = guard(limiter, run, { subject, cost, settle: lengthOf })();
    await ticks();
    expect(used()).toEqual({ count: [1, 1], token: [40, 40] });
    end("seven..");
    await call;
    expect(used()).toEqual({ count: [1, 0], token: [7, 0] });
    expect(settled).toMatchObject([{ source: "measured" }]);
  });

  test("stays as held when the result tells none", async () => {
    const { limiter, used, settled } = serviceStage();
    await guard(limiter, double, { subject, cost, settle: () => undefined })(1);
    expect(used()).toEqual({ count: [1, 0], token: [40, 0] });
    expect(settled).toMatchObject([{ source: "estimated" }]);
  });

  test.each([
    ["D-RES-09 stays as held when it throws", undefined, [1, 40]],
    ["D-RES-09 the same when that is asked for", "keep" as const, [1, 40]],
    ["is nothing when it throws and that is said to be free", "release" as const, [0, 0]],
    ["is what the error tells when it throws", () => ({ token: 7 }), [1, 7]],
    ["stays as held when the error tells nothing", () => undefined, [1, 40]],
  ])("%s", async (_, onError, [count, token]) => {
    const chosen = onError === undefined ? {} : { onError };
    for (const settle of [undefined, () => ({ token: 1 })]) {
      const { limiter, used, settled } = serviceStage();
      const options = { subject, cost, ...chosen, ...(settle === undefined ? {} : { settle }) };
      await expect(guard(limiter, fail, options)()).rejects.toThrow("upstream");
      expect(used()).toEqual({ count: [count, 0], token: [token, 0] });
      expect(settled.length).toBeLessThanOrEqual(1);
    }
  });

  test("a slot is taken while it runs and free afterwards, however it ends", async () => {
    const { limiter, used } = serviceStage(slots);
    const { run, end } = pausing();
    const call = guard(limiter, run, { subject, cost });
    const first = call();
    await ticks();
    expect(used()["concurrency"]).toEqual([1, 1]);
    expect(isRateLimitError(await reasonOf(call()))).toBe(true);
    end();
    await first;
    await expect(guard(limiter, fail, { subject })()).rejects.toThrow("upstream");
    expect(used()).toEqual({ concurrency: [0, 0], count: [2, 0], token: [40, 0] });
  });

  test.each([
    ["throws", fail, "upstream"],
    ["is none", () => ({ tokens: 1 }), "cost.tokens"],
  ])("stays as held when what tells it %s", async (_, telling, message) => {
    for (const broken of [{ settle: telling }, { onError: telling }]) {
      const { limiter, used, settled } = serviceStage();
      const call = guard(limiter, "settle" in broken ? () => 1 : fail, {
        subject,
        cost,
        ...broken,
      });
      await expect(call()).rejects.toThrow(message);
      expect(used()).toEqual({ count: [1, 0], token: [40, 0] });
      expect(settled).toHaveLength(1);
    }
  });

  test("ends with the limiter, once, and the call goes on", async () => {
    const { limiter, settled } = serviceStage();
    const { run, end } = pausing();
    const call = guard(limiter, run, { subject, cost, settle: () => ({ token: 1 }) })();
    await ticks();
    limiter.close();
    expect(settled).toMatchObject([{ source: "estimated" }]);
    end();
    expect(await call).toBe("done");
    expect(settled).toHaveLength(1);
  });

  test("is kept by a store that fails, and the caller gets its result or its error", async () => {
    const store = remoteStore(new Set(["settle"]));
    const failures: unknown[] = [];
    const limiter = createLimiter({ limits, store, onEvent: ({ type }) => failures.push(type) });
    const options = { subject, cost, settle: () => ({ token: 1 }) };
    expect(await guard(limiter, double, options)(2)).toBe(4);
    await expect(guard(limiter, fail, options)()).rejects.toThrow("upstream");
    expect(failures.filter((type) => type === "storeFailure")).toHaveLength(2);
    expect(await limiter.usage(subject)).toMatchObject([{ current: 2 }, { current: 80 }]);
  });

  test("is in the types of the limits that its subject has", async () => {
    const limiter = createLimiter({
      limits: () => [
        { type: "usd", window: "day", limit: 100 },
        { type: "concurrency", limit: 1 },
      ],
    });
    const { run, end } = pausing();
    const call = guard(limiter, run, { subject, cost: { usd: 5 } });
    const running = call();
    await ticks();
    expect(isRateLimitError(await reasonOf(call()))).toBe(true);
    end();
    await running;
    await guard(limiter, double, { subject, settle: () => ({ usd: 3 }) })(1);
    expect(await limiter.usage(subject)).toMatchObject([{ current: 8 }, { current: 0 }]);
  });

  test("is held under a lease that is renewed while the call runs, and no longer", async () => {
    jest.useFakeTimers({ doNotFake: ["setImmediate"] });
    const { limiter } = serviceStage();
    const { run, end } = pausing();
    const call = guard(limiter, run, { subject, settle: () => ({ token: 1 }) })();
    await ticks();
    expect(jest.getTimerCount()).toBe(1);
    end();
    await call;
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  test("is told with the limits in force for the subject", async () => {
    const { limiter } = serviceStage();
    const call = guard(limiter, double, { subject, cost: { token: 60 } });
    await call(1);
    limiter.reconfigure({ limits: slots.map((limit) => ({ ...limit, limit: 200 })) });
    await call(1);
    expect(limiter.usage(subject)).toMatchObject([
      { current: 2 },
      { current: 120 },
      { current: 0 },
    ]);
  });
});

test.each([
  ["options", undefined],
  ["subject", {}],
  ["subject", { subject: "" }],
  ["subject", { subject: 5 }],
  ["costs", { subject, costs: {} }],
  ["cost", { subject, cost: 5 }],
  ["cost.token", { subject, cost: { token: -1 } }],
  ["cost.token", { subject, cost: { token: Number.NaN } }],
  ["settle", { subject, settle: { token: 1 } }],
  ["onError", { subject, onError: "refund" }],
  ["wait", { subject, wait: true }],
  ["wait.maxWaitMs", { subject, wait: { maxWaitMs: 0 } }],
  ["wait.priority", { subject, wait: { priority: 0.5 } }],
  ["wait.slowDown.above", { subject, wait: { slowDown: { above: 100 } } }],
  ["wait.signal", { subject, wait: { signal: new AbortController().signal } }],
  ["wait.timeoutMs", { subject, wait: { timeoutMs: 1 } }],
])("options that are not usable are refused at once: %s of %j", (path, options) => {
  const { limiter } = serviceStage();
  let thrown: unknown;
  try {
    Reflect.apply(guard, undefined, [limiter, double, options]);
  } catch (error) {
    thrown = error;
  }
  expect(isTollgateError(thrown)).toBe(true);
  expect(thrown).toMatchObject({ code: "INVALID_CONFIG", path });
});

test("what is no function cannot be guarded", () => {
  const { limiter } = serviceStage();
  expect(() => Reflect.apply(guard, undefined, [limiter, {}, { subject }])).toThrow(
    "fn: expected a function, got an object",
  );
});
