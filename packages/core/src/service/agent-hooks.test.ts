import { EventEmitter, once } from "node:events";

import { describe, expect, test } from "@jest/globals";

import { getDecision, isRateLimitError, isTollgateError } from "../errors.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { type AgentHooks, agentHooks, type AgentHooksOptions } from "./agent-hooks.ts";
import { limits, reasonOf, remoteStore, serviceStage, slots } from "./service.test-support.ts";

interface Turn {
  readonly turnId: string;
  readonly user: string;
}

const first: Turn = { turnId: "t-1", user: "ann" };
const second: Turn = { turnId: "t-2", user: "ann" };

const options: AgentHooksOptions<string, Turn> = {
  subject: ({ user }) => user,
  cost: (message) => ({ token: message.length }),
};

function agentStage(of = limits, changes: Partial<AgentHooksOptions<string, Turn>> = {}) {
  const stage = serviceStage(of);
  const hooks = agentHooks(stage.limiter, { ...options, ...changes });
  return { ...stage, hooks };
}

const message = (tokens: number): string => "x".repeat(tokens);

/** A turn of three calls of a model. */
async function converse(hooks: AgentHooks<string, Turn>, turn: Turn): Promise<void> {
  for (const token of [30, 40, 50]) {
    await hooks.onBeforeMessage(message(60), turn);
    await hooks.onUsage(turn, { token });
  }
  await hooks.onAfterTurn(turn);
}

describe("a turn of an agent", () => {
  test("D-RES-12 counts once, costs the sum of its calls, and none of them is refused", async () => {
    const { hooks, used, settled } = agentStage([
      { type: "count", window: "minute", limit: 1 },
      { type: "token", window: "minute", limit: 100 },
    ]);
    await converse(hooks, first);
    expect(used()).toEqual({ count: [1, 0], token: [120, 0] });
    expect(settled).toMatchObject([{ source: "measured" }]);
  });

  test("is refused as a whole, with the wait in the error, and may be tried again then", async () => {
    const { hooks, used, clock } = agentStage();
    await converse(hooks, first);
    const refusal = await reasonOf(hooks.onBeforeMessage(message(10), second));
    expect(isRateLimitError(refusal)).toBe(true);
    expect(refusal).toHaveProperty("message", expect.stringContaining("it fits in 60 s"));
    const { retryAfterMs = 0 } = getDecision(refusal) ?? {};
    expect(retryAfterMs).toBe(60_000);
    clock.advance(retryAfterMs - 1);
    expect(isRateLimitError(await reasonOf(hooks.onBeforeMessage(message(10), second)))).toBe(true);
    clock.advance(1);
    await hooks.onBeforeMessage(message(10), second);
    // Twenty were spent above the limit.
    expect(used()).toEqual({ count: [1, 1], token: [30, 10] });
  });

  test("is decided on once, also by messages at one time", async () => {
    const { hooks, used } = agentStage();
    const decisions = await Promise.all([
      hooks.onBeforeMessage(message(60), first),
      hooks.onBeforeMessage(message(70), first),
    ]);
    expect(decisions[0]).toBe(decisions[1]);
    expect(used()).toEqual({ count: [1, 1], token: [60, 60] });
    const both = await Promise.all([
      reasonOf(hooks.onBeforeMessage(message(60), second)),
      reasonOf(hooks.onBeforeMessage(message(60), second)),
    ]);
    expect(both.map(isRateLimitError)).toEqual([true, true]);
  });

  test("costs what is held of types that nobody told about", async () => {
    const { hooks, used, settled } = agentStage();
    await hooks.onBeforeMessage(message(60), first);
    expect(await hooks.onAfterTurn(first)).toMatchObject({ cost: { token: 60 } });
    expect(used()).toEqual({ count: [1, 0], token: [60, 0] });
    expect(settled).toMatchObject([{ source: "estimated" }]);
  });

  test("costs what its end says, instead of the sum", async () => {
    const { hooks, used } = agentStage();
    await hooks.onBeforeMessage(message(60), first);
    await hooks.onUsage(first, { token: 5 });
    await hooks.onAfterTurn(first, { cost: { token: 9 } });
    expect(used()).toEqual({ count: [1, 0], token: [9, 0] });
  });

  test("ends once, and what is told later is charged by itself", async () => {
    const { hooks, used, settled } = agentStage();
    await hooks.onBeforeMessage(message(60), first);
    await Promise.all([hooks.onAfterTurn(first, { cost: { token: 9 } }), hooks.onAfterTurn(first)]);
    expect(await hooks.onAfterTurn(first)).toBeUndefined();
    await hooks.onUsage(first, { token: 2 });
    expect(used()).toEqual({ count: [1, 0], token: [11, 0] });
    expect(settled).toHaveLength(1);
  });

  test("does not begin again under an id that was used", async () => {
    const { hooks, used } = agentStage();
    await converse(hooks, first);
    const error = await reasonOf(hooks.onBeforeMessage(message(1), first));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", path: "turnId" });
    expect(used()["count"]).toEqual([1, 0]);
  });

  test("is its subject's own: another's turn of the same id is charged to the other", async () => {
    const { hooks, used } = agentStage();
    await hooks.onBeforeMessage(message(60), first);
    await hooks.onBeforeMessage(message(50), { ...first, user: "bob" });
    expect([used("ann")["token"], used("bob")["token"]]).toEqual([
      [60, 60],
      [50, 50],
    ]);
  });

  test("is the same turn in a second process that shares the store, at the same cost", async () => {
    for (const changes of [{}, { wait: {} }]) {
      const { limiter, hooks, used } = agentStage(limits, changes);
      const elsewhere = agentHooks(limiter, { ...options, ...changes });
      await hooks.onBeforeMessage(message(60), first);
      await elsewhere.onBeforeMessage(message(60), first);
      expect(used()).toEqual({ count: [1, 1], token: [60, 60] });
    }
  });

  test("is charged in the types of the limits that its subject has", async () => {
    const limiter = createLimiter({ limits: () => [{ type: "usd", window: "day", limit: 100 }] });
    const hooks = agentHooks(limiter, { ...options, cost: { usd: 10 } });
    await hooks.onBeforeMessage("hello", first);
    await hooks.onUsage(first, { usd: 3 });
    await hooks.onAfterTurn(first);
    await hooks.onUsage(first, { usd: 1 });
    expect(await hooks.usage(first)).toMatchObject([{ current: 4, held: 0 }]);
  });

  test("D-RES-14 is settled from an emitter, a timer or a queue outside its async context", async () => {
    const { hooks, used } = agentStage();
    const emitter = new EventEmitter();
    const ended = once(emitter, "ended");
    emitter.on("usage", (turn: Turn, token: number) => void hooks.onUsage(turn, { token }));
    emitter.on("end", (turn: Turn) => {
      setImmediate(() => {
        void hooks.onAfterTurn(turn).then(() => emitter.emit("ended"));
      });
    });
    const queue: Turn[] = [];
    await hooks.onBeforeMessage(message(40), first);
    await hooks.onBeforeMessage(message(40), second);
    queue.push(second);
    emitter.emit("usage", first, 11);
    emitter.emit("end", first);
    await ended;
    for (const turn of queue) await hooks.onAfterTurn(turn, { cost: { token: 7 } });
    expect(used()).toEqual({ count: [2, 0], token: [18, 0] });
  });

  test("stays charged when it is abandoned, and its slot is free when its lease ends", async () => {
    const { hooks, used, clock } = agentStage(slots, { leaseMs: 1000 });
    await hooks.onBeforeMessage(message(60), first);
    expect(isRateLimitError(await reasonOf(hooks.onBeforeMessage(message(1), second)))).toBe(true);
    clock.advance(1000);
    expect(used()).toEqual({ count: [1, 0], token: [60, 0], concurrency: [0, 0] });
    await hooks.onBeforeMessage(message(1), second);
  });

  test("keeps its slot while hooks are called", async () => {
    const { hooks, used, clock } = agentStage(slots, { leaseMs: 1000 });
    await hooks.onBeforeMessage(message(60), first);
    clock.advance(900);
    await hooks.onUsage(first, { token: 1 });
    clock.advance(900);
    await hooks.onBeforeMessage(message(60), first);
    clock.advance(999);
    expect(used()["concurrency"]).toEqual([1, 1]);
    clock.advance(1);
    expect(used()["concurrency"]).toEqual([0, 0]);
    await hooks.onBeforeMessage(message(1), second);
    await hooks.onAfterTurn(second);
    expect(used()["concurrency"]).toEqual([0, 0]);
  });

  test("waits for room when it may", async () => {
    const { hooks } = agentStage(slots, { wait: { maxWaitMs: 1000 } });
    await hooks.onBeforeMessage(message(1), first);
    const waiting = hooks.onBeforeMessage(message(1), second);
    await hooks.onAfterTurn(first);
    expect(await waiting).toMatchObject({ allowed: true });
  });

  test("ends with the hooks by what was told so far", async () => {
    const { hooks, used } = agentStage();
    await hooks.onBeforeMessage(message(40), first);
    await hooks.onBeforeMessage(message(50), second);
    await hooks.onUsage(first, { token: 3 });
    await hooks.close();
    expect(used()).toEqual({ count: [2, 0], token: [53, 0] });
  });

  test("is forgotten, and stays charged, where there are more than may be remembered", async () => {
    const { hooks, used } = agentStage(limits, { maxTurns: 1 });
    await hooks.onBeforeMessage(message(40), first);
    await hooks.onBeforeMessage(message(50), second);
    expect(await hooks.onAfterTurn(first)).toBeUndefined();
    expect(used()).toEqual({ count: [2, 2], token: [90, 90] });
  });

  test("tells how the limits of its subject stand", async () => {
    const { hooks } = agentStage();
    await hooks.onBeforeMessage(message(40), first);
    expect(await hooks.usage(first)).toMatchObject([{ current: 1 }, { remaining: 60 }]);
    expect(await hooks.usage({ ...first, user: "bob" })).toMatchObject([{ current: 0 }, {}]);
  });

  test("is let in and not charged where there are no limits", async () => {
    const limiter = createLimiter({ limits, enabled: false });
    const hooks = agentHooks(limiter, options);
    await hooks.onBeforeMessage(message(500), first);
    await hooks.onUsage(first, { token: 1 });
    expect(await hooks.onAfterTurn(first)).toBeUndefined();
  });
});

describe("what goes wrong in a turn", () => {
  test("a cost that is none is refused where it is told", async () => {
    const { hooks, used } = agentStage();
    await hooks.onBeforeMessage(message(60), first);
    for (const cost of [{ tokens: 1 }, { token: 0.5 }, { token: -1 }]) {
      expect(await reasonOf(hooks.onUsage(first, cost))).toMatchObject({ code: "INVALID_COST" });
      expect(await reasonOf(hooks.onAfterTurn(first, { cost }))).toMatchObject({
        code: "INVALID_COST",
      });
    }
    await hooks.onAfterTurn(first, { cost: { token: 4 } });
    expect(used()["token"]).toEqual([4, 0]);
  });

  test("usage of a turn that nobody admitted is an error, its end is not", async () => {
    const { hooks } = agentStage();
    const error = await reasonOf(hooks.onUsage(first, { token: 1 }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", path: "turnId" });
    expect(await hooks.onAfterTurn(first)).toBeUndefined();
  });

  test("a turn needs an id", async () => {
    const { hooks } = agentStage();
    const error = await reasonOf(hooks.onBeforeMessage(message(1), { turnId: "", user: "ann" }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", path: "turnId" });
  });

  test("a store that fails is heard of, and its turn can be ended again", async () => {
    const failing = new Set(["settle", "renew"]);
    const limiter = createLimiter({ limits, store: remoteStore(failing) });
    const hooks = agentHooks(limiter, options);
    await hooks.onBeforeMessage(message(60), first);
    await hooks.onBeforeMessage(message(60), first);
    await hooks.onUsage(first, { token: 5 });
    expect(await reasonOf(hooks.onAfterTurn(first))).toMatchObject({ code: "STORE_FAILED" });
    failing.clear();
    await hooks.onUsage(first, { token: 6 });
    await hooks.onAfterTurn(first);
    expect(await limiter.usage("ann")).toMatchObject([{ current: 1 }, { current: 11, held: 0 }]);
  });
});

test.each([
  ["options", undefined],
  ["subject", {}],
  ["cost", { subject: "ann", cost: 5 }],
  ["wait.maxWaitMs", { subject: "ann", wait: { maxWaitMs: 0 } }],
  ["leaseMs", { subject: "ann", leaseMs: 0 }],
  ["maxTurns", { subject: "ann", maxTurns: 0 }],
  ["turns", { subject: "ann", turns: 1 }],
])("options that are not usable are refused at once: %s of %j", (path, given) => {
  const { limiter } = serviceStage();
  let thrown: unknown;
  try {
    Reflect.apply(agentHooks, undefined, [limiter, given]);
  } catch (error) {
    thrown = error;
  }
  expect(isTollgateError(thrown)).toBe(true);
  expect(thrown).toMatchObject({ code: "INVALID_CONFIG", path });
});
