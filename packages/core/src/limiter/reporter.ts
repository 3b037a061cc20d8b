import { CELL_SIZE } from "../algorithms/cell.ts";
import { forgivenOf } from "../algorithms/kernel.ts";
import { costIn, type Decision, type LoneBatch, type StoreDecision } from "../decision.ts";
import type { Announcer, LimiterEvent, WaitedEvent } from "../events.ts";
import type { UsageSource } from "../llm/tokens.ts";
import type { SettlementReply } from "../store.ts";
import { cellOf } from "../waiting/waiting-calls.ts";
import type { Thresholds } from "./thresholds.ts";

/** Tells the listeners of a limiter what happens. */
export class Reporter {
  readonly limiter: string;
  readonly announcer: Announcer;
  readonly #thresholds: Thresholds;

  constructor(limiter: string, announcer: Announcer, thresholds: Thresholds) {
    this.limiter = limiter;
    this.announcer = announcer;
    this.#thresholds = thresholds;
  }

  /** Whether anybody listens; nothing is even put together otherwise. */
  get heard(): boolean {
    return this.announcer.heard;
  }

  tell(event: LimiterEvent): void {
    this.announcer.tell(event);
  }

  decided(decision: StoreDecision): void {
    const { limiter } = this;
    const { batch } = decision;
    const { usages } = decision;
    const [operation] = batch.operations;
    const cost = costIn(batch);
    switch (operation.mode) {
      case "check":
        return;
      case "take":
      case "reserve":
        this.tell({ type: decision.outcome, limiter, decision, cost });
        this.#tellShadows(decision);
        break;
      case "force":
        this.tell({ type: "recorded", limiter, cost, usages });
        this.#tellForgiven(decision, operation.amounts);
        break;
      case "adjust":
        this.tell({ type: "adjusted", limiter, cost, usages });
        this.#tellForgiven(decision, operation.deltas);
        break;
      case "block": {
        const untilMs = operation.forMs === 0 ? undefined : decision.decidedAtMs + operation.forMs;
        this.tell({ type: "blocked", limiter, untilMs, usages });
        return;
      }
    }
    if (decision.allowed) this.#tellThresholds(decision);
  }

  /** A call was refused that had been willing to wait. */
  turnedAway(decision: Decision, batch: LoneBatch): void {
    const { limiter } = this;
    this.tell({ type: decision.outcome, limiter, decision, cost: costIn(batch) });
    this.#tellShadows(decision);
  }

  settled(reservationId: string, reply: SettlementReply, source: UsageSource): void {
    const { limiter } = this;
    const { outcome, applied, held, cost, forgiven } = reply;
    if (!applied || outcome === "unknown") return;
    this.tell({ type: outcome, limiter, reservationId, held, cost, source });
    for (const debt of forgiven) this.tell({ type: "forgiven", limiter, ...debt });
  }

  waited(outcome: WaitedEvent["outcome"], waitedMs: number): void {
    this.tell({ type: "waited", limiter: this.limiter, outcome, waitedMs });
  }

  #tellShadows(decision: Decision): void {
    const { limiter } = this;
    for (const refusal of decision.shadowRefusals) {
      this.tell({ type: "shadowRefused", limiter, limit: refusal.limit, refusal, decision });
    }
  }

  #tellForgiven({ batch, reply }: StoreDecision, amounts: readonly number[]): void {
    const { limiter } = this;
    for (const [index, limit] of batch.plan.limits.entries()) {
      const booked = Math.max(0, amounts[index] ?? 0);
      const amount = forgivenOf(reply.cells, index * CELL_SIZE, limit, booked);
      if (amount === 0 || limit.shadow) continue;
      this.tell({ type: "forgiven", limiter, limit: limit.name, amount });
    }
  }

  #tellThresholds({ batch, states }: StoreDecision): void {
    if (!this.#thresholds.any) return;
    const { limiter } = this;
    const { plan } = batch;
    for (const { limit, usage } of states) {
      const scope = plan.scopes.findIndex(({ limits }) => limits.includes(limit));
      // Under another number usage is another share of it.
      const key = `${limit.name} ${String(limit.max)} ${cellOf(batch, scope)}`;
      for (const threshold of this.#thresholds.look(key, usage)) {
        this.tell({ type: "threshold", limiter, limit: limit.name, threshold, usage });
      }
    }
  }
}
