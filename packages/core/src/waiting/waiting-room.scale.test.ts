import { describe, expect, test } from "@jest/globals";

import { manualClock } from "../testing/manual-clock.ts";
import type { Attempt } from "./waiting-call.ts";
import { WaitingRoom } from "./waiting-room.ts";

const many = 100_000;
const minute = 60_000;

/** Bytes in use. */
function used(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * What a promise and a listener take that wait for nothing, for each of as many calls: more where
 * something in this process has asked Node to follow promises.
 */
function floorEach(): number {
  const signals = Array.from({ length: many }, () => new AbortController().signal);
  const before = used();
  const waiting = signals.map(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", reject, { once: true });
      }),
  );
  const bytes = used() - before;
  return waiting.length === many ? bytes / many : 0;
}

/** A room full of calls for one cell, and how often its limits are asked. */
function crowd(
  subjectOf: (call: number) => string,
  signals: readonly (AbortSignal | undefined)[] = [undefined],
) {
  const { scheduler, advance } = manualClock();
  const bounds = { maxWaiting: many, maxPerSubject: many, recheckMs: minute };
  const room = new WaitingRoom<string>({ ...bounds, scheduler });
  const asked = { asks: 0, looks: 0, free: 0 };
  const refusal: Attempt<string> = {
    decision: "no",
    admitted: false,
    blockedBy: "a",
    retryAfterMs: minute,
    exact: false,
  };
  const admission: Attempt<string> = { ...refusal, decision: "yes", admitted: true };
  const ask = (): Attempt<string> => {
    asked.asks += 1;
    if (asked.free === 0) return refusal;
    asked.free -= 1;
    return admission;
  };
  const look = (): Attempt<string> => {
    asked.looks += 1;
    return refusal;
  };
  const shared = { cells: ["a"], priority: 0, maxWaitMs: minute, ask, look };
  const entered = Array.from({ length: many }, (_, call) =>
    room.enter({ ...shared, subject: subjectOf(call), signal: signals[call % signals.length] }),
  );
  /** How many ended how. */
  const ends = async (): Promise<Record<string, number>> => {
    const counted: Record<string, number> = {};
    for (const result of await Promise.allSettled(entered)) {
      const end = result.status === "fulfilled" ? result.value.outcome : String(result.reason);
      counted[end] = (counted[end] ?? 0) + 1;
    }
    return counted;
  };
  return { room, advance, asked, ends };
}

const ofOne = (): string => "s";
const ofMany = (call: number): string => `subject ${String(call)}`;

describe.each([
  ["of one subject", ofOne, 1],
  ["of as many subjects", ofMany, many],
])("100,000 calls %s", (_, subjectOf, subjects) => {
  test("take less than 1.5 kB each beside promise and listener, and may all go away at once", async () => {
    const floor = floorEach();
    const leaving = Array.from({ length: many }, () => new AbortController());
    const signals = leaving.map(({ signal }) => signal);
    const before = used();
    const { room, asked, ends, advance } = crowd(subjectOf, signals);
    const bytesEach = Math.round((used() - before) / many - floor);
    process.stdout.write(
      `${String(bytesEach)} bytes per waiting call, beside ${String(Math.round(floor))}\n`,
    );
    expect(bytesEach).toBeLessThan(1500);
    expect(room.stats()).toMatchObject({ waiting: many, subjects });
    // From all places of the queue: 7919 and 100,000 have no factor in common.
    for (let call = 0; call < many; call += 1) leaving[(call * 7919) % many]?.abort("gone");
    advance(minute);
    expect(await ends()).toStrictEqual({ gone: many });
    expect(asked).toMatchObject({ asks: 1, looks: 0 });
    expect(room.stats()).toMatchObject({ waiting: 0, subjects: 0 });
  });

  test("time out together, with one question to the limits for each", async () => {
    const { asked, ends, advance } = crowd(subjectOf);
    advance(minute);
    expect(await ends()).toStrictEqual({ timedOut: many });
    expect(asked.asks + asked.looks).toBeLessThan(many + many / 500);
  });
});

test("100,000 calls go away together by a signal that they share", async () => {
  const leaving = new AbortController();
  const { asked, ends } = crowd(ofOne, [leaving.signal]);
  leaving.abort("gone");
  expect(await ends()).toStrictEqual({ gone: many });
  expect(asked).toMatchObject({ asks: 1, looks: 0 });
});

test("100,000 calls are admitted together, with one question to the limits for each", async () => {
  const { asked, ends, advance, room } = crowd(ofMany);
  asked.free = many;
  room.freed(["a"]);
  advance(0);
  expect(await ends()).toStrictEqual({ admitted: many });
  expect(asked).toMatchObject({ asks: many + 1, looks: 0 });
});

test("100,000 calls of their own cells and subjects leave nothing behind", async () => {
  const { scheduler } = manualClock();
  const bounds = { maxWaiting: many, maxPerSubject: many, recheckMs: minute };
  const room = new WaitingRoom<string>({ ...bounds, scheduler });
  const told = { blockedBy: undefined, retryAfterMs: 5, exact: false };
  const shared = { priority: 0, maxWaitMs: minute, signal: undefined };
  let call = 0;
  const pass = async (calls: number): Promise<void> => {
    for (const end = call + calls; call < end; call += 1) {
      const subject = `subject ${String(call)}`;
      const cells = [subject];
      let asks = call % 2;
      // Every other call waits, and all are asked for by a store that answers later.
      const ask = async (): Promise<Attempt<string>> => {
        asks += 1;
        return Promise.resolve({ decision: "", admitted: asks > 1, ...told });
      };
      const entered = room.enter({ ...shared, subject, cells, ask, look: ask });
      await Promise.resolve();
      while (room.stats().admitted <= call) {
        room.freed(cells);
        await Promise.resolve();
      }
      await entered;
    }
  };
  await pass(1000);
  const before = used();
  await pass(many);
  expect((used() - before) / many).toBeLessThan(10);
  expect(room.stats()).toMatchObject({ waiting: 0, queued: call / 2 });
});
