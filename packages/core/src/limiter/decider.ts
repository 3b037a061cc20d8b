import { NOT_APPLIED } from "../algorithms/kernel.ts";
import { amountsOf, byType, CONCURRENCY, type Cost, deltasOf } from "../cost.ts";
import { type LoneBatch, StoreDecision } from "../decision.ts";
import { TollgateError } from "../errors.ts";
import { isPromise } from "../maybe-promise.ts";
import type { PlanSource } from "../policy/plan-source.ts";
import type { Plan } from "../policy/plan.ts";
import { reservationToken } from "../reservation.ts";
import type { BatchReply, MaybePromise, Operation, OperationReply } from "../store.ts";
import { checkSubject, idFor, resolveIds, type Subject, tenantOf } from "../subject.ts";
import type { WaitingCalls } from "../waiting/waiting-calls.ts";
import type { Reporter } from "./reporter.ts";
import type { StoreAccess } from "./store-access.ts";

/** Why a reply is no decision. */
const noDecision = (reply: OperationReply | undefined): TollgateError =>
  reply === undefined
    ? new TollgateError("STORE_FAILED", "the store answered a batch without a reply")
    : new TollgateError(
        "RESERVATION_CONFLICT",
        "id: expected the cost this reservation id is on record for, got another",
        { path: "id" },
      );

/** Costs nothing, not even the slot of a call. */
const nothing: Cost = { [CONCURRENCY]: 0 };

/** What a reservation is asked with. */
interface Hold {
  readonly id?: string;
  readonly leaseMs: number;
}

/** Puts the questions of a limiter to its store, and reads the answers. */
export class Decider {
  readonly #source: PlanSource;
  readonly #access: StoreAccess;
  readonly #reporter: Reporter;
  readonly #waiting: WaitingCalls;

  constructor(source: PlanSource, access: StoreAccess, reporter: Reporter, waiting: WaitingCalls) {
    this.#source = source;
    this.#access = access;
    this.#reporter = reporter;
    this.#waiting = waiting;
  }

  ask(mode: "check" | "take" | "force", subject: Subject, cost: Cost | undefined): LoneBatch {
    const plan = this.#source();
    const amounts = amountsOf(plan, subject, cost);
    if (mode === "take" && amounts === plan.standardAmounts) {
      return this.#batch(plan, subject, amounts, plan.standardTake);
    }
    return this.#batch(plan, subject, amounts, [{ mode, amounts }]);
  }

  reserve(subject: Subject, cost: Cost | undefined, { id, leaseMs }: Hold): LoneBatch {
    const plan = this.#source();
    const amounts = amountsOf(plan, subject, cost);
    const token = reservationToken(plan, subject, id);
    return this.#batch(plan, subject, amounts, [
      { mode: "reserve", amounts, cost: byType(plan, amounts), token, leaseMs },
    ]);
  }

  look(subject: Subject): LoneBatch {
    return this.ask("check", subject, nothing);
  }

  adjust(subject: Subject, adjustment: Cost): LoneBatch {
    const plan = this.#source();
    const amounts = amountsOf(plan, subject, nothing);
    const deltas = deltasOf(plan, adjustment, amounts);
    return this.#batch(plan, subject, amounts, [{ mode: "adjust", amounts, deltas }]);
  }

  /** @param scopes which of the subject's; the others are left alone */
  block(subject: Subject, scopes: ReadonlySet<string>, forMs: number): LoneBatch {
    const plan = this.#source();
    checkSubject(subject);
    // Whoever has no id is not the one who is meant.
    const amounts = plan.limits.map(({ scope }) =>
      scopes.has(scope) && idFor(subject, scope) !== undefined ? 0 : NOT_APPLIED,
    );
    return this.#batch(plan, subject, amounts, [{ mode: "block", amounts, forMs }]);
  }

  /** Decides, and tells the listeners. */
  decide(batch: LoneBatch): MaybePromise<StoreDecision> {
    const answer = this.#apply(batch);
    return isPromise(answer)
      ? answer.then((replies) => this.#told(batch, replies))
      : this.#told(batch, answer);
  }

  /** Decides, for who tells the listeners himself. */
  decideQuietly(batch: LoneBatch): MaybePromise<StoreDecision> {
    const answer = this.#apply(batch);
    return isPromise(answer)
      ? answer.then((replies) => this.#read(batch, replies))
      : this.#read(batch, answer);
  }

  #batch(
    plan: Plan,
    subject: Subject,
    amounts: readonly number[],
    operations: readonly [Operation],
  ): LoneBatch {
    const ids = resolveIds(plan, subject, amounts);
    return { plan, ids, tenant: plan.nested ? tenantOf(subject) : undefined, operations };
  }

  #apply(batch: LoneBatch): MaybePromise<BatchReply> {
    if (this.#access.closing !== false) throw this.#access.whenClosed();
    const { mode } = batch.operations[0];
    let answer: MaybePromise<BatchReply>;
    try {
      answer = this.#access.store.apply(batch);
    } catch (error) {
      return this.#access.fail(mode, error);
    }
    if (!isPromise(answer)) return answer;
    return answer.catch((error: unknown) => this.#access.fail(mode, error));
  }

  #told(batch: LoneBatch, replies: BatchReply): StoreDecision {
    const decision = this.#read(batch, replies);
    if (this.#reporter.heard) this.#reporter.decided(decision);
    return decision;
  }

  #read(batch: LoneBatch, replies: BatchReply): StoreDecision {
    // By its index, since taking an array apart runs an iterator.
    const reply = replies[0];
    if (reply === undefined || reply.outcome === "conflict") throw noDecision(reply);
    const operation = batch.operations[0];
    if (operation.mode === "reserve" && reply.outcome === "admitted") {
      this.#waiting.reserved(operation.token, batch);
    }
    return new StoreDecision(batch, reply);
  }
}
