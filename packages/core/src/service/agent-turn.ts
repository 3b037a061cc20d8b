import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { Limiter, SettlementOutcome } from "../limiter.ts";
import { invalidArgument } from "../limiter/arguments.ts";
import { attempt } from "../maybe-promise.ts";
import type { Subject } from "../subject.ts";
import { checkActualCost } from "./admit.ts";

/** What a turn was admitted with. */
export interface Admission {
  readonly decision: Decision;
  /** The limiter with the subject's own limits. */
  readonly limiter: Limiter;
}

/** One turn of a user: decided on once, settled once, by the sum of what was told in between. */
export class AgentTurn {
  readonly #id: string;
  readonly #subject: Subject;
  readonly #leaseMs: number | undefined;
  readonly #admission: Promise<Admission>;
  #used: Cost = {};
  #ended = false;

  /** @param admission rejects when the turn is refused */
  constructor(
    id: string,
    subject: Subject,
    leaseMs: number | undefined,
    admission: Promise<Admission>,
  ) {
    this.#id = id;
    this.#subject = subject;
    this.#leaseMs = leaseMs;
    this.#admission = admission;
  }

  /** The decision on the turn, however often it is asked for. */
  async decision(): Promise<Decision> {
    const { decision } = await this.#admission;
    // An id that is used again would be a turn without a charge.
    if (this.#ended) throw invalidArgument("turnId", "the id of a new turn", this.#id);
    return decision;
  }

  /** Adds what a part of the turn cost. After its end that is charged by itself. */
  async add(cost: Cost): Promise<void> {
    const { limiter, decision } = await this.#admission;
    checkActualCost(limiter, cost);
    if (decision.reservation === undefined) return;
    if (this.#ended) await limiter.record(this.#subject, cost);
    else this.#used = sum(this.#used, cost);
  }

  /** Moves the end of the turn's lease, since it goes on. */
  async renew(): Promise<void> {
    const { limiter, decision } = await this.#admission;
    const id = decision.reservation?.id;
    if (id === undefined || this.#ended) return;
    // The turn goes on also where that fails; listeners have been told.
    await Promise.allSettled([attempt(() => limiter.renew(id, this.#leaseMs))]);
  }

  /** Settles the turn. `undefined` when it has ended before, or held nothing. */
  async end(cost: Cost): Promise<SettlementOutcome | undefined> {
    const { limiter, decision } = await this.#admission;
    const id = decision.reservation?.id;
    if (id === undefined || this.#ended) return undefined;
    const total = { ...this.#used, ...cost };
    // Before the store is asked: what is told meanwhile is no longer in the sum.
    this.#ended = true;
    const source = Object.keys(total).length === 0 ? "estimated" : "measured";
    try {
      return await limiter.settle(id, total, { source });
    } catch (error) {
      // It may be tried again.
      this.#ended = false;
      throw error;
    }
  }
}

const sum = (a: Cost, b: Cost): Cost => {
  const all: Record<string, number> = { ...a };
  for (const [type, amount] of Object.entries(b)) {
    all[type] = Math.min(Number.MAX_SAFE_INTEGER, (all[type] ?? 0) + amount);
  }
  return all;
};
