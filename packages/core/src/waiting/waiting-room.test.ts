import { getEventListeners } from "node:events";

import { describe, expect, test } from "@jest/globals";

import {
  bucket,
  fixedWindow,
  settled,
  SlowStore,
  slots,
  stage,
  type ToyCall,
} from "./stage.test-support.ts";

const minute = 60_000;
const down = async (): Promise<never> => Promise.reject(new Error("down"));

describe("a call", () => {
  test("goes straight to its limits when nobody waits, and needs no timer", async () => {
    const { room, enter, asks, admissions, timers } = stage({ a: bucket(2, 1000) });
    const waited = enter("x", { subject: "s" });
    expect(admissions).toStrictEqual(["x@0"]);
    expect([room.size, timers()]).toStrictEqual([0, 0]);
    expect(await waited).toStrictEqual({
      outcome: "admitted",
      decision: "yes",
      waitedMs: 0,
      retryAfterMs: undefined,
      queued: false,
    });
    expect(asks()).toBe(1);
    expect(room.stats()).toMatchObject({ entered: 1, queued: 0, admitted: 1, longestWaitMs: 0 });
  });

  test("waits as long as it was told, is asked for then and not before, and is in", async () => {
    const { room, enter, asks, clock, admissions } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    const waited = enter("second", { subject: "s" });
    expect([asks(), room.size]).toStrictEqual([2, 1]);
    clock.advance(999);
    expect([asks(), room.size]).toStrictEqual([2, 1]);
    clock.advance(1);
    expect([asks(), room.size]).toStrictEqual([3, 0]);
    expect(admissions).toStrictEqual(["first@0", "second@1000"]);
    expect(await waited).toMatchObject({ outcome: "admitted", waitedMs: 1000, queued: true });
    expect(room.stats()).toMatchObject({ admitted: 2, queued: 1, longestWaitMs: 1000, waiting: 0 });
  });

  test.each([
    ["no waiting helps", { cost: { a: 2 } }, "impossible", undefined],
    ["the wait it is told is longer than it may wait", { maxWaitMs: 999 }, "no a", 1000],
    ["it may not wait at all", { maxWaitMs: 0 }, "no a", 1000],
  ])("is refused at once when %s", async (_, call, decision, retryAfterMs) => {
    const { room, enter, asks } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    expect(await enter("second", { subject: "s", ...call })).toStrictEqual({
      outcome: "refused",
      decision,
      waitedMs: 0,
      retryAfterMs,
      queued: false,
    });
    expect(asks()).toBe(2);
    expect(room.stats()).toMatchObject({ refused: 1, queued: 0 });
  });

  test("that may wait exactly as long as it is told is admitted in that moment", async () => {
    const { enter, clock } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    const waited = enter("second", { subject: "s", maxWaitMs: 1000 });
    clock.advance(1000);
    expect(await waited).toMatchObject({ outcome: "admitted", waitedMs: 1000 });
  });

  test("is refused at once when it would be behind one that waits for longer than it may", async () => {
    const { enter, asks, looks } = stage({ a: bucket(10, 1000), b: bucket(1, 1000) });
    await enter("first", { subject: "s", cost: { a: 8 } });
    void enter("large", { subject: "s", cost: { a: 10 } });
    const small = enter("small", { subject: "t", cost: { b: 1, a: 1 }, maxWaitMs: 7999 });
    expect(await small).toStrictEqual({
      outcome: "refused",
      decision: "yes",
      waitedMs: 0,
      retryAfterMs: 8000,
      queued: true,
    });
    expect([asks(), looks()]).toStrictEqual([2, 1]);
  });

  test("times out with a decision made for it, though it was never asked for", async () => {
    const { enter, clock, looks, room } = stage({ a: slots(1) });
    await enter("first", { subject: "s" });
    const second = enter("second", { subject: "s", maxWaitMs: 2000 });
    const third = enter("third", { subject: "t", maxWaitMs: 1000 });
    clock.advance(1000);
    expect(await third).toStrictEqual({
      outcome: "timedOut",
      decision: "no a",
      waitedMs: 1000,
      retryAfterMs: 60_000,
      queued: true,
    });
    expect(looks()).toBe(1);
    clock.advance(1000);
    expect(await second).toMatchObject({ outcome: "timedOut", decision: "no a", waitedMs: 2000 });
    expect(looks()).toBe(1);
    expect(room.stats()).toMatchObject({ timedOut: 2, waiting: 0, subjects: 0 });
  });

  test("waits no longer than a day's timer, however long it is told", async () => {
    const { enter, clock, asks } = stage({ a: bucket(1, 40 * 24 * 60 * minute) });
    await enter("first", { subject: "s" });
    const maxWaitMs = 50 * 24 * 60 * minute;
    const second = enter("second", { subject: "s", maxWaitMs });
    clock.advance(maxWaitMs);
    expect(await second).toMatchObject({ outcome: "admitted", waitedMs: 40 * 24 * 60 * minute });
    expect(asks()).toBe(3);
  });

  test("that is told to wait for 0 ms is asked for again after 1 ms", async () => {
    const { enter, clock, asks } = stage({ a: bucket(1, 1000) });
    const retryAfterMs = 0;
    const answer = () =>
      ({ decision: "soon", admitted: false, blockedBy: "a", retryAfterMs, exact: true }) as const;
    void enter("x", { subject: "s", answer });
    expect(asks()).toBe(1);
    clock.advance(10);
    expect(asks()).toBe(11);
  });

  test("that fails is rejected alone, and the next is asked for", async () => {
    const { enter, clock, admissions, room } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    let answers = 0;
    const failing = enter("failing", {
      subject: "s",
      answer: (answer) => {
        answers += 1;
        if (answers === 1) return answer();
        throw new Error("down");
      },
    });
    const next = enter("next", { subject: "s" });
    clock.advance(1000);
    await expect(failing).rejects.toThrow("down");
    expect(await next).toMatchObject({ outcome: "admitted" });
    expect(admissions).toStrictEqual(["first@0", "next@1000"]);
    await expect(
      enter("at once", { subject: "t", answer: async () => Promise.reject(new Error("away")) }),
    ).rejects.toThrow("away");
    expect(room.stats()).toMatchObject({ failed: 2, waiting: 0 });
  });
});

describe("order", () => {
  test("is by priority and then arrival within a subject", async () => {
    const { enter, clock, admissions } = stage({ a: bucket(1, 1000) });
    for (const [name, priority] of [
      ["0", 0],
      ["a", 0],
      ["b", 5],
      ["c", 5],
      ["d", -1],
      ["e", 9],
    ] as const) {
      void enter(name, { subject: "s", priority });
    }
    clock.advance(10_000);
    const order = ["0@0", "e@1000", "b@2000", "c@3000", "a@4000", "d@5000"];
    expect(admissions).toStrictEqual(order);
  });

  test("gives each of several subjects its turn, however many calls each has waiting", async () => {
    const { enter, clock, admissions } = stage({ a: bucket(1, 1000) });
    await enter("0", { subject: "other" });
    for (let call = 0; call < 5; call += 1) void enter("many", { subject: "many" });
    for (const subject of ["few", "one"]) void enter(subject, { subject });
    void enter("few", { subject: "few" });
    clock.advance(20_000);
    expect(admissions.map((admission) => admission.split("@")[0])).toStrictEqual([
      "0",
      "many",
      "few",
      "one",
      "many",
      "few",
      "many",
      "many",
      "many",
    ]);
  });

  test("is kept by newcomers: the large call at the front is not starved by small ones", async () => {
    const { enter, clock, admissions, asks } = stage({ a: bucket(10, 1000) });
    await enter("all", { subject: "s", cost: { a: 10 } });
    void enter("large", { subject: "s", cost: { a: 8 } });
    for (let second = 0; second < 12; second += 1) {
      void enter("small", { subject: `t${String(second)}`, cost: { a: 1 } });
      clock.advance(1000);
    }
    expect(admissions.slice(0, 4)).toStrictEqual([
      "all@0",
      "large@8000",
      "small@9000",
      "small@10000",
    ]);
    expect(asks()).toBe(2 + 1 + 2 * 4 + 1);
  });

  test("does not hold up those that wait for nobody's cell", async () => {
    const { enter, admissions, asks } = stage({ a: bucket(1, 1000), b: bucket(5, 1000) });
    await enter("first", { subject: "s", cost: { a: 1, b: 1 } });
    void enter("waits for a", { subject: "s", cost: { a: 1, b: 1 } });
    await enter("b alone", { subject: "t", cost: { b: 1 } });
    expect(admissions).toStrictEqual(["first@0", "b alone@0"]);
    void enter("same subject", { subject: "s", cost: { b: 1 } });
    expect(asks()).toBe(3);
  });

  test("is kept across cells: who comes later does not take what an earlier one waits for", async () => {
    const { enter, clock, admissions } = stage({ a: bucket(1, 3000), b: bucket(4, 1000) });
    await enter("first", { subject: "s", cost: { a: 1, b: 4 } });
    void enter("a then b", { subject: "t", cost: { a: 1 } });
    void enter("large b", { subject: "u", cost: { b: 4 } });
    void enter("a and b", { subject: "v", cost: { a: 1, b: 1 } });
    clock.advance(3000);
    expect(admissions.slice(1)).toStrictEqual(["a then b@3000"]);
    clock.advance(20_000);
    expect(admissions.slice(2)).toStrictEqual(["large b@4000", "a and b@6000"]);
  });

  test("is kept across cells when something is given back", async () => {
    const { enter, clock, admissions, giveBack } = stage({
      a: bucket(2, 3000),
      b: bucket(4, 1000),
    });
    await enter("first", { subject: "s", cost: { a: 2, b: 4 } });
    void enter("a", { subject: "t", cost: { a: 1 } });
    void enter("large b", { subject: "u", cost: { b: 4 } });
    void enter("a and b", { subject: "v", cost: { a: 1, b: 1 } });
    clock.advance(3500);
    giveBack("a");
    expect(admissions.slice(1)).toStrictEqual(["a@3000"]);
    clock.advance(20_000);
    expect(admissions.slice(2)).toStrictEqual(["large b@4000", "a and b@5000"]);
  });

  test("costs nobody more than the wait for who is before", async () => {
    const { enter, ask, clock, admissions, giveBack } = stage({
      a: bucket(1, 6000),
      b: bucket(4, 1000),
      c: bucket(1, 2000),
    });
    ask({ subject: "other" });
    void enter("c, then b", { subject: "t", cost: { b: 4, c: 1 } });
    void enter("a, then b", { subject: "u", cost: { a: 1, b: 1 } });
    clock.advance(1500);
    ask({ subject: "other", cost: { b: 3 } });
    clock.advance(1000);
    giveBack("a");
    clock.advance(20_000);
    expect(admissions).toStrictEqual(["c, then b@4500", "a, then b@5500"]);
  });

  test("is kept by one that has waited for another cell before", async () => {
    const { enter, clock, admissions } = stage({ a: bucket(1, 1500), b: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    void enter("both", { subject: "t", cost: { a: 1, b: 1 } });
    void enter("b", { subject: "u", cost: { b: 1 } });
    void enter("b", { subject: "v", cost: { b: 1 } });
    clock.advance(1499);
    expect(admissions.slice(1)).toStrictEqual(["b@1000"]);
    clock.advance(10_000);
    expect(admissions.slice(2)).toStrictEqual(["both@2000", "b@3000"]);
  });
});

describe("the limits are asked", () => {
  test("once for each admission and once for the refusal that ends a round", async () => {
    const { enter, clock, asks, admissions } = stage({ a: fixedWindow(10, minute) });
    for (let call = 0; call < 100; call += 1) void enter("x", { subject: String(call % 7) });
    expect([asks(), admissions.length]).toStrictEqual([11, 10]);
    for (let round = 1; round < 10; round += 1) {
      clock.advance(minute);
      expect(admissions).toHaveLength(10 * (round + 1));
    }
    expect(asks()).toBe(100 + 9);
  });

  test("every recheckMs for all that wait where only the latest time is known", async () => {
    const { enter, clock, asks } = stage({ a: slots(1) }, { recheckMs: 400 });
    await enter("first", { subject: "s" });
    for (let call = 0; call < 50; call += 1) void enter("x", { subject: String(call) });
    expect(asks()).toBe(2);
    clock.advance(3999);
    expect(asks()).toBe(2 + 9);
  });

  test("when something is given back, and by that admit in the same moment", async () => {
    const { enter, asks, admissions, giveBack, room } = stage({ a: slots(1), b: slots(9) });
    await enter("first", { subject: "s" });
    void enter("second", { subject: "s" });
    void enter("third", { subject: "t" });
    giveBack("b");
    room.freed(["unknown"]);
    expect(asks()).toBe(2);
    giveBack("a");
    expect(admissions).toStrictEqual(["first@0", "second@0"]);
    expect(asks()).toBe(2 + 2);
    giveBack("a");
    expect([admissions.length, asks(), room.size]).toStrictEqual([3, 5, 0]);
  });

  test("for who gets to the front because the one before went away, and never for who left", async () => {
    const { enter, clock, asks, admissions } = stage({ a: bucket(10, 1000) });
    const leaving = new AbortController();
    await enter("first", { subject: "s", cost: { a: 9 } });
    const large = enter("large", { subject: "s", cost: { a: 10 }, signal: leaving.signal });
    void enter("small", { subject: "t", cost: { a: 1 } });
    leaving.abort(new Error("gone"));
    await expect(large).rejects.toThrow("gone");
    clock.advance(0);
    expect(admissions).toStrictEqual(["first@0", "small@0"]);
    expect(asks()).toBe(3);
  });

  test("once after all of those left whose time ended together", async () => {
    const { enter, clock, asks, looks, room } = stage({ a: slots(1) }, { recheckMs: minute });
    await enter("first", { subject: "s" });
    const patient = { subject: "patient" };
    const maxWaitMs = 1000;
    for (let call = 0; call < 40; call += 1)
      void enter("x", { subject: String(call % 3), maxWaitMs });
    void enter("patient", patient);
    clock.advance(1000);
    expect(room.stats()).toMatchObject({ timedOut: 40, waiting: 1 });
    expect([asks(), looks()]).toStrictEqual([3, 39]);
  });

  test("at most a thousand times before the event loop goes on", async () => {
    const { enter, giveBack, clock, admissions } = stage({ a: slots(2500) });
    await enter("all", { subject: "s", cost: { a: 2500 } });
    for (let call = 0; call < 2500; call += 1) void enter("x", { subject: "s" });
    giveBack("a", 2500);
    expect(admissions).toHaveLength(1 + 1000);
    clock.advance(0);
    expect(admissions).toHaveLength(1 + 2500);
  });
});

describe("places", () => {
  test("are bounded by subject and in all; who finds none is told how long others wait", async () => {
    const { enter, looks, asks, room } = stage(
      { a: bucket(3, 1000) },
      { maxPerSubject: 2, maxWaiting: 3 },
    );
    await enter("first", { subject: "s", cost: { a: 3 } });
    for (const subject of ["s", "s", "t"]) void enter("x", { subject, cost: { a: 2 } });
    const overflowed = { outcome: "overflowed", decision: "no a", waitedMs: 0, queued: false };
    for (const subject of ["s", "u"]) {
      expect(await enter("y", { subject })).toStrictEqual({ ...overflowed, retryAfterMs: 2000 });
    }
    expect([asks(), looks()]).toStrictEqual([2, 2]);
    expect(room.stats()).toMatchObject({ waiting: 3, subjects: 2, overflowed: 2, queued: 3 });
  });

  test("are lost to nobody by an answer that comes when all are taken", async () => {
    const store = new SlowStore();
    const { enter, looks } = stage({ a: bucket(1, 1000) }, { maxWaiting: 1 });
    await enter("first", { subject: "s" });
    const { answer } = store;
    const asked = [1, 2].map(async () => enter("x", { subject: "s", answer }));
    store.deliver();
    store.deliver();
    expect(await asked[1]).toMatchObject({
      outcome: "overflowed",
      decision: "no a",
      retryAfterMs: 1000,
    });
    expect(looks()).toBe(0);
  });
});

describe("a call whose signal is aborted", () => {
  test("before it enters is rejected without being asked for", async () => {
    const { enter, asks, room } = stage({ a: bucket(1, 1000) });
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(enter("x", { subject: "s", signal })).rejects.toThrow("gone");
    expect(asks()).toBe(0);
    expect(room.stats()).toMatchObject({ entered: 1, abandoned: 1 });
  });

  test("while it waits leaves its place to others, at once", async () => {
    const { enter, clock, admissions, room } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    const leaving = new AbortController();
    const { signal } = leaving;
    const gone = [1, 2, 3].map(async () => enter("gone", { subject: "s", signal }));
    void enter("stays", { subject: "s" });
    leaving.abort(new Error("gone"));
    for (const call of gone) await expect(call).rejects.toThrow("gone");
    expect(room.stats()).toMatchObject({ waiting: 1, abandoned: 3 });
    clock.advance(1000);
    expect(admissions).toStrictEqual(["first@0", "stays@1000"]);
  });

  test.each([
    ["waits", "is admitted if its limits admit it, for its caller to give back", true],
    ["waits", "is rejected if its limits refuse it", false],
    ["enters", "is admitted if its limits admit it, for its caller to give back", true],
    ["enters", "is rejected if its limits refuse it", false],
  ])("while it %s and is asked for %s", async (when, _, fits) => {
    const store = new SlowStore();
    const { enter, ask, clock, room } = stage({ a: bucket(1, 1000) });
    const { answer } = store;
    const leaving = new AbortController();
    if (when === "waits") ask({ subject: "other" });
    const call = enter("x", { subject: "s", signal: leaving.signal, answer });
    if (when === "waits") store.deliver();
    await settled();
    clock.advance(1000);
    if (!fits) ask({ subject: "other" });
    expect(store.size).toBe(1);
    leaving.abort("gone");
    store.deliver();
    const outcome = await call.then(({ outcome }) => outcome, String);
    expect(outcome).toBe(fits ? "admitted" : "gone");
    expect(room.stats()).toMatchObject({ waiting: 0, abandoned: fits ? 0 : 1 });
  });

  test("is listened to once for all calls that share the signal, and no longer than they wait", async () => {
    const { enter, clock, giveBack, room } = stage({ a: slots(1) });
    const { signal } = new AbortController();
    const listeners = (): number => getEventListeners(signal, "abort").length;
    await enter("first", { subject: "s", signal });
    expect(listeners()).toBe(0);
    void enter("admitted", { subject: "s", signal });
    void enter("timed out", { subject: "s", signal, maxWaitMs: 10 });
    void enter("closed", { subject: "s", signal });
    expect(listeners()).toBe(1);
    giveBack("a");
    clock.advance(10);
    expect([listeners(), room.size]).toStrictEqual([1, 1]);
    room.close();
    expect(listeners()).toBe(0);
  });
});

describe("closing", () => {
  test("turns everybody away, with a decision, now and later, and leaves no timer", async () => {
    const { enter, room, clock, asks, timers } = stage({ a: bucket(1, 1000) });
    await enter("first", { subject: "s" });
    const waiting = ["s", "t"].map(async (subject) => enter("x", { subject }));
    clock.advance(400);
    room.close();
    const closed = { outcome: "closed", decision: "no a", retryAfterMs: 600 };
    for (const call of waiting) expect(await call).toMatchObject({ ...closed, waitedMs: 400 });
    expect(await enter("late", { subject: "u" })).toMatchObject({ ...closed, waitedMs: 0 });
    expect(room.stats()).toMatchObject({ waiting: 0, subjects: 0, closed: 3 });
    room.close();
    expect([asks(), timers()]).toStrictEqual([2, 0]);
  });

  test("does not undo an admission that is under way", async () => {
    const store = new SlowStore();
    const { enter, room } = stage({ a: bucket(1, 1000) });
    const { answer } = store;
    const calls = ["s", "t"].map(async (subject) => enter("x", { subject, answer }));
    room.close();
    store.deliver();
    store.deliver();
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ outcome }) => outcome)).toStrictEqual(["admitted", "closed"]);
  });
});

describe("with a store that takes its time", () => {
  test("one call of a cell is asked for at a time, and its answer counts though its time is over", async () => {
    const store = new SlowStore();
    const { answer } = store;
    const { enter, clock, asks, admissions } = stage({ a: bucket(2, 1000) });
    await enter("all", { subject: "s", cost: { a: 2 } });
    const [second, third] = ["t", "u"].map(async (subject) =>
      enter(subject, { subject, answer, maxWaitMs: 2000 }),
    );
    store.deliver();
    store.deliver();
    await settled();
    expect(asks()).toBe(3);
    clock.advance(1000);
    expect([asks(), store.size]).toStrictEqual([4, 1]);
    clock.advance(1500);
    store.deliver();
    await settled();
    expect(await second).toMatchObject({ outcome: "admitted", waitedMs: 2500 });
    expect(await third).toMatchObject({ outcome: "timedOut", waitedMs: 2000 });
    expect(admissions).toStrictEqual(["all@0", "t@2500"]);
  });

  test("a call that is refused after its time is over has timed out", async () => {
    const store = new SlowStore();
    const { enter, clock } = stage({ a: slots(1) });
    await enter("first", { subject: "s" });
    const second = enter("second", { subject: "s", answer: store.answer, maxWaitMs: 600 });
    store.deliver();
    await settled();
    clock.advance(700);
    store.deliver();
    expect(await second).toMatchObject({ outcome: "timedOut", decision: "no a", waitedMs: 700 });
  });

  test("newcomers wait while the first is asked for again, however long it was told to wait", async () => {
    const store = new SlowStore();
    const { enter, ask, clock } = stage({ a: bucket(1, 1000) });
    ask({ subject: "other" });
    void enter("first", { subject: "s", answer: store.answer });
    store.deliver();
    await settled();
    clock.advance(1000);
    const second = enter("second", { subject: "t", maxWaitMs: 10 });
    store.deliver();
    clock.advance(10);
    expect(await second).toMatchObject({ outcome: "timedOut", waitedMs: 10 });
  });

  test("what is given back while a call is asked for is not missed", async () => {
    const store = new SlowStore();
    const { enter, giveBack, asks } = stage({ a: slots(1) });
    await enter("first", { subject: "s" });
    const second = enter("second", { subject: "t", answer: store.answer });
    store.decide();
    giveBack("a");
    store.deliver();
    await settled();
    expect([asks(), store.size]).toStrictEqual([3, 1]);
    store.deliver();
    expect(await second).toMatchObject({ outcome: "admitted", waitedMs: 0 });
  });

  test("calls of one subject wait in the order they came, whichever answer comes first", async () => {
    const store = new SlowStore();
    const { answer } = store;
    const { enter, clock, admissions } = stage({ a: bucket(1, 1000) });
    await enter("0", { subject: "s" });
    for (const name of ["1", "2", "3"]) void enter(name, { subject: "s", answer });
    for (const index of [2, 0, 0]) {
      store.deliver(index);
      await settled();
    }
    for (let second = 0; second < 4; second += 1) {
      clock.advance(1000);
      while (store.size > 0) {
        store.deliver();
        await settled();
      }
    }
    expect(admissions).toStrictEqual(["0@0", "1@1000", "2@2000", "3@3000"]);
  });

  test("a call of higher priority that comes meanwhile is next", async () => {
    const store = new SlowStore();
    const { answer } = store;
    const { enter, clock, admissions } = stage({ a: bucket(1, 1000) });
    await enter("0", { subject: "s" });
    void enter("low", { subject: "s", answer });
    store.deliver();
    await settled();
    clock.advance(1000);
    void enter("high", { subject: "s", priority: 1 });
    expect(admissions).toHaveLength(1);
    store.deliver();
    await settled();
    clock.advance(1000);
    expect(admissions).toStrictEqual(["0@0", "low@1000", "high@2000"]);
  });
});

test("what happens while a call is asked for is seen by who asks, and asks for nobody twice", async () => {
  const { enter, giveBack, admissions, asks } = stage({ a: slots(1), b: slots(1) });
  const cost = { a: 1 };
  await enter("0", { subject: "s", cost });
  const answer: ToyCall["answer"] = (answer) => {
    if (asks() === 2) return answer();
    void enter("b", { subject: "v", cost: { b: 1 } });
    void enter("3", { subject: "u", cost });
    const answered = answer();
    giveBack("a");
    return answered;
  };
  void enter("1", { subject: "s", cost, answer });
  void enter("2", { subject: "t", cost });
  giveBack("a");
  expect(admissions).toStrictEqual(["0@0", "b@0", "1@0", "2@0"]);
  expect(asks()).toBe(6);
});

test("a decision that cannot be had for a call to turn away rejects it", async () => {
  const { room } = stage({});
  room.close();
  const call = { subject: "s", cells: [], priority: 0, maxWaitMs: 0, signal: undefined };
  await expect(room.enter({ ...call, ask: down, look: down })).rejects.toThrow("down");
});
