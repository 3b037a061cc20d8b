import type { SettlementEvent } from "../events.ts";
import type { Limiter } from "../limiter.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { Store } from "../store.ts";
import { type ManualClock, manualClock } from "../testing/manual-clock.ts";

/** A limiter on a clock that stands still, and what it was asked. */
export interface ServiceStage {
  readonly limiter: Limiter<"sync">;
  readonly clock: ManualClock;
  /** How reservations ended, in that order. */
  readonly settled: readonly SettlementEvent[];
  /** Units of the subject by type: those in use, and the part that is held. */
  readonly used: (subject?: string) => Readonly<Record<string, readonly [number, number]>>;
}

/** Ten calls, a hundred tokens a minute. */
export const limits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 10 },
  { type: "token", window: "minute", limit: 100 },
];

export const slots: readonly LimitInput[] = [...limits, { type: "concurrency", limit: 1 }];

export function serviceStage(of: readonly LimitInput[] = limits): ServiceStage {
  const clock = manualClock();
  const settled: SettlementEvent[] = [];
  const limiter = createLimiter({
    limits: of,
    store: memoryStore({ clock: clock.now }),
    onEvent: (event) => {
      if (event.type === "settled") settled.push(event);
    },
  });
  return {
    limiter,
    clock,
    settled,
    used: (subject = "ann") =>
      Object.fromEntries(
        limiter.usage(subject).map(({ type, current, held }) => [type, [current, held]]),
      ),
  };
}

/** The memory store behind promises. @param failing what is asked in vain */
export function remoteStore(failing: ReadonlySet<string> = new Set()): Store {
  const memory = memoryStore();
  const asked = (operation: string): void => {
    if (failing.has(operation)) throw new Error(`no ${operation}`);
  };
  return {
    synchronous: false,
    apply: async (batch) => memory.apply(batch),
    settle: async (settlement) => {
      asked("settle");
      return memory.settle(settlement);
    },
    renew: async (token, leaseMs) => {
      asked("renew");
      return memory.renew(token, leaseMs);
    },
    forget: async (address) => {
      memory.forget(address);
    },
    sweep: async (beforeMs) => memory.sweep(beforeMs),
    reservations: async (address) => memory.reservations(address),
    close: () => undefined,
  };
}

/** What a promise is rejected with. */
export const reasonOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
