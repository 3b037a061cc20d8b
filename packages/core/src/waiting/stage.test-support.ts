import type { Scheduler } from "../clock.ts";
import type { MaybePromise } from "../store.ts";
import { type ManualClock, manualClock } from "../testing/manual-clock.ts";
import type { Attempt, Waited, WaitingCall } from "./waiting-call.ts";
import { WaitingRoom, type WaitingRoomOptions } from "./waiting-room.ts";

/** A limit simple enough to be obviously right; `waitMs` is 0 when `amount` fits now. */
export interface ToyLimit {
  readonly exact: boolean;
  readonly waitMs: (amount: number, nowMs: number) => number | undefined;
  readonly take: (amount: number, nowMs: number) => void;
  readonly giveBack: (amount: number) => void;
}

/** At most `max` units in each window, which all start at multiples of `windowMs`. */
export function fixedWindow(max: number, windowMs: number): ToyLimit {
  let [used, window] = [0, 0];
  const turnTo = (nowMs: number): void => {
    const current = Math.floor(nowMs / windowMs);
    if (current > window) [used, window] = [0, current];
  };
  return {
    exact: true,
    waitMs: (amount, nowMs) => {
      turnTo(nowMs);
      if (amount > max) return undefined;
      return used + amount <= max ? 0 : (window + 1) * windowMs - nowMs;
    },
    take: (amount) => {
      used += amount;
    },
    giveBack: (amount) => {
      used = Math.max(0, used - amount);
    },
  };
}

/** At most `capacity` units, of which one comes back every `everyMs`. */
export function bucket(capacity: number, everyMs: number): ToyLimit {
  // The time at which it will be full.
  let fullMs = 0;
  return {
    exact: true,
    waitMs: (amount, nowMs) => {
      if (amount > capacity) return undefined;
      return Math.max(0, fullMs - nowMs - (capacity - amount) * everyMs);
    },
    take: (amount, nowMs) => {
      fullMs = Math.max(fullMs, nowMs) + amount * everyMs;
    },
    giveBack: (amount) => {
      fullMs -= amount * everyMs;
    },
  };
}

/** At most `max` units at one time; nobody knows when one is given back. */
export function slots(max: number): ToyLimit {
  let taken = 0;
  return {
    exact: false,
    waitMs: (amount) => {
      if (amount > max) return undefined;
      return taken + amount <= max ? 0 : 60_000;
    },
    take: (amount) => {
      taken += amount;
    },
    giveBack: (amount) => {
      taken -= amount;
    },
  };
}

/** A call of a test: all its limits admit it, or none is charged. */
export interface ToyCall {
  readonly subject: string;
  /** @default 1 of every limit of the stage */
  readonly cost?: Readonly<Record<string, number>>;
  readonly priority?: number;
  /** @default an hour */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
  /** Turns the answer into a promise, or into a failure. */
  readonly answer?: (answer: () => Attempt<string>) => MaybePromise<Attempt<string>>;
}

export interface Stage {
  readonly clock: ManualClock;
  readonly room: WaitingRoom<string>;
  /** Each admission, as `name@ms`. */
  readonly admissions: string[];
  readonly asks: () => number;
  readonly looks: () => number;
  /** The longest wait that anybody was told. */
  readonly longestToldMs: () => number;
  /** How many timers are set. */
  readonly timers: () => number;
  readonly enter: (name: string, call: ToyCall) => Promise<Waited<string>>;
  readonly ask: (call: ToyCall) => Attempt<string>;
  readonly giveBack: (cell: string, amount?: number) => void;
}

/** A waiting room whose calls are limited by `limits`, on a clock that the test moves. */
export function stage(
  limits: Readonly<Record<string, ToyLimit>>,
  options: Partial<WaitingRoomOptions> = {},
): Stage {
  const clock = manualClock();
  const nowMs = clock.scheduler.now;
  const admissions: string[] = [];
  let [asks, looks, longestToldMs, timers] = [0, 0, 0, 0];
  const scheduler: Scheduler = {
    now: nowMs,
    after: (delayMs, run) => {
      timers += 1;
      let running = true;
      const end = (): void => {
        if (running) timers -= 1;
        running = false;
      };
      const cancel = clock.scheduler.after(delayMs, () => {
        end();
        run();
      });
      return () => {
        end();
        cancel();
      };
    },
  };
  const bounds = { maxWaiting: 1_000_000, maxPerSubject: 1_000_000, recheckMs: 500 };
  const room = new WaitingRoom<string>({ ...bounds, scheduler, ...options });
  const everyLimit = Object.fromEntries(Object.keys(limits).map((cell) => [cell, 1]));

  const check = ({ cost = everyLimit }: ToyCall, take: boolean): Attempt<string> => {
    const charges = Object.entries(cost).flatMap(([cell, amount]) => {
      const limit = limits[cell];
      return limit === undefined ? [] : [{ cell, amount, limit }];
    });
    const waits = charges.map(({ cell, amount, limit }) => ({
      cell,
      exact: limit.exact,
      waitMs: limit.waitMs(amount, nowMs()),
    }));
    if (waits.some(({ waitMs }) => waitMs === undefined)) {
      return { decision: "impossible", admitted: false, ...useless };
    }
    const [longest] = waits.toSorted((a, b) => (b.waitMs ?? 0) - (a.waitMs ?? 0));
    const { cell: blockedBy, waitMs: retryAfterMs = 0, exact = true } = longest ?? {};
    if (retryAfterMs > 0) {
      longestToldMs = Math.max(longestToldMs, retryAfterMs);
      return {
        decision: `no ${String(blockedBy)}`,
        admitted: false,
        blockedBy,
        retryAfterMs,
        exact,
      };
    }
    if (take) for (const { limit, amount } of charges) limit.take(amount, nowMs());
    return { decision: "yes", admitted: true, ...useless };
  };

  const enter = async (name: string, call: ToyCall): Promise<Waited<string>> => {
    const answer = (): Attempt<string> => {
      const answered = check(call, true);
      if (answered.admitted) admissions.push(`${name}@${String(nowMs())}`);
      return answered;
    };
    const waiting: WaitingCall<string> = {
      subject: call.subject,
      cells: Object.keys(call.cost ?? everyLimit),
      priority: call.priority ?? 0,
      maxWaitMs: call.maxWaitMs ?? 3_600_000,
      signal: call.signal,
      ask: () => {
        asks += 1;
        return call.answer === undefined ? answer() : call.answer(answer);
      },
      look: () => {
        looks += 1;
        return check(call, false);
      },
    };
    return room.enter(waiting);
  };

  return {
    clock,
    room,
    admissions,
    asks: () => asks,
    looks: () => looks,
    longestToldMs: () => longestToldMs,
    timers: () => timers,
    enter,
    ask: (call) => check(call, true),
    giveBack: (cell, amount = 1) => {
      limits[cell]?.giveBack(amount);
      room.freed([cell]);
    },
  };
}

const useless = { blockedBy: undefined, retryAfterMs: undefined, exact: true } as const;

/** Lets every promise that can settle do so. */
export const settled = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Answers that come when the test says so, in any order. */
export class SlowStore {
  readonly #pending: { readonly decide: () => void; readonly deliver: () => void }[] = [];

  /** How many questions are under way. */
  get size(): number {
    return this.#pending.length;
  }

  readonly answer = async (answer: () => Attempt<string>): Promise<Attempt<string>> =>
    new Promise((resolve) => {
      let decided: Attempt<string> | undefined;
      const decide = (): void => {
        decided ??= answer();
      };
      const deliver = (): void => {
        decided ??= answer();
        resolve(decided);
      };
      this.#pending.push({ decide, deliver });
    });

  /** Decides a question without telling anybody yet. */
  decide(index = 0): void {
    this.#pending[index]?.decide();
  }

  /** Tells the answer to a question, decided now unless it was before. */
  deliver(index = 0): void {
    const [question] = this.#pending.splice(index, 1);
    question?.deliver();
  }
}
