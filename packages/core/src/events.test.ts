import { afterAll, beforeEach, describe, expect, jest, test } from "@jest/globals";

import { TollgateError } from "./errors.ts";
import type { LimiterEvent, Listener } from "./events.ts";
import type { Limiter } from "./limiter.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import { manualClock } from "./testing/manual-clock.ts";

const warnings: string[] = [];
const emitted = jest.spyOn(process, "emitWarning");
/** Rejections are noticed on a later tick. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  warnings.length = 0;
  emitted.mockImplementation((warning) => {
    warnings.push(String(warning));
  });
});
afterAll(() => {
  emitted.mockRestore();
});

const perMinute = (limit: number): LimitInput => ({ type: "count", window: "minute", limit });

function limiterTold(...onEvent: readonly Listener[]): Limiter<"sync"> {
  const store = memoryStore({ clock: manualClock().now, maxKeys: 10 });
  return createLimiter({ limits: [perMinute(2)], store, onEvent });
}

describe("events", () => {
  test("D-SIM-06 one listener that throws and one that never resolves change and delay nothing", async () => {
    const heard: LimiterEvent[] = [];
    const limiter = limiterTold(
      () => {
        throw new TypeError("user 4711 is unknown");
      },
      () => new Promise(() => undefined),
      (event) => heard.push(event),
    );
    limiter.checkAndRecord("alice", { count: 2 });
    const refused = limiter.checkAndRecord("alice");
    expect([refused.outcome, refused.retryAfterMs]).toEqual(["refused", 60_000]);
    expect(heard.map(({ type }) => type)).toEqual(["admitted", "refused"]);
    await settled();
    expect(warnings).toEqual([
      "An event listener failed (TypeError). Decisions go on; further failures of it are not reported.",
    ]);
  });

  test("a listener that rejects is reported once, by the kind of its error only", async () => {
    const limiter = limiterTold(
      () => Promise.reject(new TollgateError("INVALID_COST", "of alice")),
      () => Promise.reject(new Error("of alice too")),
      // Not everything that is thrown is an error.
      () => Promise.reject(undefined),
    );
    for (let call = 0; call < 3; call += 1) limiter.checkAndRecord("alice");
    await settled();
    expect(warnings.map((message) => /\((.*)\)/.exec(message)?.[1])).toEqual([
      "INVALID_COST",
      "Error",
      "undefined",
    ]);
    expect(warnings.some((message) => message.includes("alice"))).toBe(false);
  });

  test("tell everything that changes usage, and nothing that only asks", () => {
    const heard: LimiterEvent[] = [];
    const limiter = limiterTold((event) => heard.push(event));
    limiter.check("alice");
    limiter.usage("alice");
    const { reservation } = limiter.reserve("alice");
    const id = reservation?.id ?? "";
    limiter.settle(id, { count: 0 });
    limiter.settle(id, { count: 2 });
    limiter.release(limiter.reserve("alice").reservation?.id ?? "");
    limiter.checkAndRecord("alice", { count: 3 });
    limiter.record("alice", { count: 7 });
    limiter.reset("alice");
    expect(heard.map(({ type }) => type)).toEqual([
      "admitted",
      "settled",
      "admitted",
      "released",
      "impossible",
      "recorded",
      "forgiven",
    ]);
    expect(heard[1]).toEqual({
      type: "settled",
      source: "measured",
      limiter: "default",
      reservationId: id,
      held: { count: 1 },
      cost: { count: 0 },
    });
    expect(heard[6]).toEqual({
      type: "forgiven",
      limiter: "default",
      limit: "count-per-minute-caller",
      amount: 3,
    });
  });

  test("an overrun that can never be repaid is told when it is settled", () => {
    const heard: LimiterEvent[] = [];
    const limiter = limiterTold((event) => heard.push(event));
    limiter.settle(limiter.reserve("alice").reservation?.id ?? "", { count: 9 });
    expect(heard.at(-1)).toEqual({
      type: "forgiven",
      limiter: "default",
      limit: "count-per-minute-caller",
      amount: 5,
    });
  });

  test("stop for a listener that has unsubscribed", () => {
    const heard: LimiterEvent[] = [];
    const limiter = limiterTold();
    const stop = limiter.subscribe((event) => heard.push(event));
    limiter.checkAndRecord("alice");
    stop();
    limiter.checkAndRecord("alice");
    expect(heard).toHaveLength(1);
  });
});
