import type { Decision } from "../../decision.ts";
import { isTollgateError } from "../../errors.ts";
import type { Limiter } from "../../limiter.ts";
import { createLimiter } from "../../limiter/create-limiter.ts";
import type { Store } from "../../store.ts";
import type { ManualClock } from "../manual-clock.ts";
import type { Step, Timeline } from "./timeline.ts";

/** What a limiter answers to a step, as plain data. */
type Answer = unknown;

const plain = ({
  outcome,
  reason,
  usages,
  refusedBy,
  refusals,
  shadowRefusals,
  blockedUntilMs,
  retryAfterMs,
  reservation,
  decidedAtMs,
}: Decision): Answer => ({
  outcome,
  reason,
  usages,
  refusedBy,
  refusals,
  shadowRefusals,
  blockedUntilMs,
  retryAfterMs,
  // The id is drawn at random.
  reservation: reservation && { cost: reservation.cost, endsMs: reservation.leaseEndsAtMs },
  decidedAtMs,
});

/** A limiter that goes through a timeline, and what it has to remember for that. */
export class Replay {
  readonly #clock: ManualClock;
  readonly #limiter: Limiter<"async">;
  readonly #wide: Limiter<"async">;
  readonly #scopes: ReadonlySet<string>;
  /** Ids of reservations, in the order in which they were taken. */
  readonly #holds: string[] = [];

  constructor({ limits, overrides, seed }: Timeline, store: Store, clock: ManualClock) {
    this.#clock = clock;
    this.#limiter = createLimiter({ limits, store, name: `timeline-${String(seed)}` });
    this.#wide = this.#limiter.override(overrides);
    this.#scopes = new Set(this.#limiter.limits.map(({ scope }) => scope));
  }

  /** Does what the step says, but for the passing of time. */
  async run(step: Step): Promise<Answer> {
    try {
      return await this.#answer(step);
    } catch (error) {
      if (!isTollgateError(error) || error.code === "STORE_FAILED") throw error;
      return { code: error.code, message: error.message };
    }
  }

  /** How everybody stands by both routes. */
  async close(): Promise<void> {
    await this.#limiter.close();
  }

  async #answer(step: Step): Promise<Answer> {
    switch (step.kind) {
      case "wait":
        return this.#clock.now();
      case "check":
        return plain(await this.#by(step).check(step.who, step.cost));
      case "take":
        return plain(await this.#by(step).checkAndRecord(step.who, step.cost));
      case "force":
        return this.#by(step).record(step.who, step.cost);
      case "reserve": {
        const options = {
          leaseMs: step.leaseMs,
          ...(step.id === undefined ? {} : { id: step.id }),
        };
        const decision = await this.#by(step).reserve(step.who, step.cost, options);
        if (decision.reservation !== undefined) this.#holds.push(decision.reservation.id);
        return plain(decision);
      }
      case "settle": {
        const id = this.#hold(step.hold);
        if (id === undefined) return undefined;
        return step.cost === undefined
          ? this.#limiter.release(id)
          : this.#limiter.settle(id, step.cost);
      }
      case "renew": {
        const id = this.#hold(step.hold);
        return id === undefined ? undefined : this.#limiter.renew(id, step.leaseMs);
      }
      case "adjust":
        return this.#limiter.adjust(step.who, step.cost);
      case "block":
        return step.forMs === 0
          ? this.#limiter.unblock(step.who)
          : this.#limiter.block(step.who, { durationMs: step.forMs });
      case "reset":
        return this.#limiter.reset(step.who, { scopes: this.#known(step.scopes) });
      case "list": {
        const named = Object.entries(step.who).filter(([scope]) => step.scopes.includes(scope));
        const listed = await this.#limiter.reservations(Object.fromEntries(named));
        // Their ids are drawn at random, and their order is the store's.
        return listed
          .map(({ held, takenAtMs, leaseEndsAtMs }) =>
            JSON.stringify([held, takenAtMs, leaseEndsAtMs]),
          )
          .toSorted();
      }
      case "sweep":
        // How much is left to remove differs: some stores remove what they happen to see.
        await this.#limiter.resetExpired();
        return undefined;
    }
  }

  #by({ wide }: { readonly wide: boolean }): Limiter<"async"> {
    return wide ? this.#wide : this.#limiter;
  }

  #hold(index: number): string | undefined {
    return this.#holds[index % Math.max(1, this.#holds.length)];
  }

  #known(scopes: readonly string[]): readonly string[] {
    return scopes.filter((scope) => this.#scopes.has(scope));
  }
}
