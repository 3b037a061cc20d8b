import { describe, expect, test } from "@jest/globals";

import { unlimited } from "../decision.ts";
import type { LimiterEvent } from "../events.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { ExchangeHandle } from "./handle.ts";

/** A handle of a request that holds 1 request and 100 tokens. */
function holding() {
  const { now } = manualClock();
  const store = memoryStore({ clock: now });
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 9, name: "requests" },
      { type: "token", window: "minute", limit: 1000, name: "tokens" },
    ],
    store,
  });
  const ends: LimiterEvent["type"][] = [];
  limiter.subscribe(({ type }) => {
    if (type === "settled" || type === "released") ends.push(type);
  });
  const handle = new ExchangeHandle(unlimited(now()));
  const decision = limiter.reserve("alice", { count: 1, token: 100 });
  handle.pass(limiter, limiter, "alice", decision);
  const used = () =>
    Object.fromEntries(limiter.usage("alice").map(({ limit, current }) => [limit, current]));
  return { handle, limiter, store, ends, used, decision, now };
}

/** A handle that holds 40 tokens in a store that fails so many settlements. */
async function unsteady(failures: number) {
  const store = memoryStore({ clock: manualClock().now });
  let asked = 0;
  const limiter = createLimiter({
    limits: [{ type: "token", window: "day", limit: 50 }],
    store: {
      ...store,
      synchronous: false,
      settle: async (settlement) => {
        asked += 1;
        if (asked <= failures) throw new Error("down");
        return store.settle(settlement);
      },
    },
  });
  const handle = new ExchangeHandle(unlimited(5));
  handle.pass(limiter, limiter, "alice", await limiter.reserve("alice", { token: 40 }));
  const used = async () => (await limiter.usage("alice"))[0]?.current;
  return { handle, limiter, used, asked: () => asked };
}

const finish = { reached: true, finished: true, status: 200 };

const endings = {
  settle: [async (handle) => handle.settle({ token: 7 }), { requests: 1, tokens: 7 }, "settled"],
  finish: [async (handle) => handle.finish(finish), { requests: 1, tokens: 100 }, "settled"],
  abandon: [async (handle) => handle.abandon(), { requests: 1, tokens: 0 }, "settled"],
  release: [async (handle) => handle.release(), { requests: 0, tokens: 0 }, "released"],
} as const satisfies Record<
  string,
  readonly [(handle: ExchangeHandle) => Promise<void>, Record<string, number>, string]
>;

type Ending = keyof typeof endings;

function ordersOf(all: readonly Ending[]): readonly (readonly Ending[])[] {
  if (all.length === 0) return [[]];
  return all.flatMap((first) =>
    ordersOf(all.filter((other) => other !== first)).map((rest) => [first, ...rest]),
  );
}

const orders = ordersOf(["settle", "finish", "abandon", "release"]);

describe("D-STR-07 of all that can end a hold, the first does, and the others nothing", () => {
  test("every order is tried", () => {
    expect(new Set(orders.map((order) => order.join())).size).toBe(24);
  });

  describe.each([
    ["one after the other", false],
    ["all at once", true],
  ])("%s", (_how, together) => {
    test.each(orders.map((order) => [order] as const))("%p", async (order) => {
      const { handle, store, ends, used } = holding();
      const [first = "settle"] = order;
      if (together) await Promise.all(order.map(async (name) => endings[name][0](handle)));
      else for (const name of order) await endings[name][0](handle);
      expect(used()).toStrictEqual(endings[first][1]);
      expect(ends).toStrictEqual([endings[first][2]]);
      expect(store.stats().openReservations).toBe(0);
    });
  });
});

describe("settle", () => {
  test("refuses a cost that cannot be booked, and leaves the hold open", async () => {
    const { handle, store, used } = holding();
    for (const cost of [{ token: -1 }, { token: Number.NaN }, { tokens: 1 }, JSON.parse("7")]) {
      await expect(handle.settle(cost)).rejects.toMatchObject({ code: "INVALID_COST" });
    }
    expect(store.stats().openReservations).toBe(1);
    await handle.settle({ token: 1 });
    expect(used()).toStrictEqual({ requests: 1, tokens: 1 });
  });

  test("serves several limiters, each with the types it meters", async () => {
    const { handle, ends, used, now } = holding();
    const money = createLimiter({
      limits: [{ type: "usd", window: "day", limit: 50 }],
      store: memoryStore({ clock: now }),
    });
    handle.pass(money, money, "alice", money.reserve("alice", { usd: 9 }));
    await handle.settle({ token: 5, usd: 2 });
    expect(used()).toStrictEqual({ requests: 1, tokens: 5 });
    expect(money.usage("alice").map(({ current }) => current)).toStrictEqual([2]);
    expect(ends).toStrictEqual(["settled"]);
  });

  test("does nothing where nothing is metered, whatever the amount is called", async () => {
    const handle = new ExchangeHandle(unlimited(5));
    await handle.settle({ usd: 3 });
    expect(handle.decisions).toStrictEqual([]);
  });

  test("D-RES-06 that the store could not book is booked by the end of the response, as told", async () => {
    const { handle, used, asked } = await unsteady(1);
    await handle.settle({ token: 1 });
    expect(await used()).toBe(40);
    await handle.finish(finish);
    await handle.finish(finish);
    expect([await used(), asked()]).toStrictEqual([1, 2]);
    expect(await handle.settled).toMatchObject({ cost: { token: 1 }, source: "measured" });
  });

  test("that can never be booked leaves the hold, and tells who asks", async () => {
    const { handle, used, asked } = await unsteady(9);
    await handle.settle({ token: 1 });
    await expect(handle.finish(finish)).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect([await used(), asked()]).toStrictEqual([40, 2]);
    await expect(handle.settled).rejects.toMatchObject({ code: "STORE_FAILED" });
  });

  test("by a promise counts from when it is made, also after the response", async () => {
    const { handle, used } = holding();
    let tell: ((cost: { token: number }) => void) | undefined;
    const settling = handle.settle(
      new Promise((resolve) => {
        tell = resolve;
      }),
    );
    await handle.settle({ token: 5 });
    await handle.finish(finish);
    expect(used()).toMatchObject({ tokens: 100 });
    tell?.({ token: 7 });
    await settling;
    expect(used()).toMatchObject({ tokens: 7 });
  });

  test("by a promise that rejects leaves it to the observation, and ends no process", async () => {
    const { handle, used, ends } = holding();
    const rejections: unknown[] = [];
    const listen = (reason: unknown): unknown => rejections.push(reason);
    process.on("unhandledRejection", listen);
    // A thenable of another kind, as SDKs have them, and nobody waits for it.
    const thenable: PromiseLike<{ token: number }> = {
      // oxlint-disable-next-line unicorn/no-thenable
      then: async (resolve, reject) => Promise.reject(new Error("aborted")).then(resolve, reject),
    };
    void handle.settle(thenable);
    await handle.finish(finish);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", listen);
    expect(rejections).toStrictEqual([]);
    expect([used()["tokens"], ends]).toStrictEqual([100, ["settled"]]);
  });

  test("by usage prices every type that tokens are metered in, whoever told what to hold", async () => {
    const { handle, used } = holding();
    await expect(handle.settleUsage({ text: "no usage" })).rejects.toMatchObject({
      code: "INVALID_COST",
      path: "usage",
    });
    await handle.settleUsage({ prompt_tokens: 9, completion_tokens: 2 });
    expect(used()).toStrictEqual({ requests: 1, tokens: 11 });
    expect(await handle.settled).toMatchObject({ source: "measured", usage: { input: 9 } });
  });

  test("is over at once where nothing was held", async () => {
    const handle = new ExchangeHandle(unlimited(5));
    expect(await handle.settled).toMatchObject({ cost: {}, source: "none" });
  });

  test("is that of the last limiter that held something", async () => {
    const { handle, now } = holding();
    const calls = createLimiter({
      limits: [{ type: "count", window: "day", limit: 50 }],
      store: memoryStore({ clock: now }),
    });
    handle.pass(calls, calls, "alice", calls.checkAndRecord("alice"));
    await handle.finish(finish);
    expect(await handle.settled).toMatchObject({ cost: { token: 100 }, source: "estimated" });
  });
});

describe("what a handler sees", () => {
  test("is the last decision, all of them, and the usage of all limiters", async () => {
    const { handle, limiter, decision, now } = holding();
    const second = createLimiter({
      limits: [{ type: "count", window: "day", limit: 5, name: "day" }],
      store: memoryStore({ clock: now }),
    });
    const later = second.checkAndRecord("bob");
    handle.pass(second, second, "bob", later);
    expect(handle.decision).toBe(later);
    expect(handle.decisions).toStrictEqual([decision, later]);
    const usages = await handle.usage();
    expect(usages.map(({ limit, current }) => [limit, current])).toStrictEqual([
      ["requests", 1],
      ["tokens", 100],
      ["day", 1],
    ]);
    expect(handle.hasPassed(limiter)).toBe(true);
    expect(handle.hasPassed({})).toBe(false);
  });

  test("is an admission without limits while no limiter has decided", async () => {
    const handle = new ExchangeHandle(unlimited(5));
    expect(handle.decision).toMatchObject({ outcome: "admitted", usages: [], decidedAtMs: 5 });
    await expect(handle.usage()).resolves.toStrictEqual([]);
  });

  test("a plain charge, without a hold, has nothing to end", async () => {
    const { now } = manualClock();
    const limiter = createLimiter({
      limits: [{ type: "count", window: "day", limit: 5 }],
      store: memoryStore({ clock: now }),
    });
    const handle = new ExchangeHandle(unlimited(now()));
    handle.pass(limiter, limiter, "alice", limiter.checkAndRecord("alice"));
    await handle.release();
    await handle.settle({ count: 0 });
    expect(limiter.usage("alice").map(({ current }) => current)).toStrictEqual([1]);
  });
});
