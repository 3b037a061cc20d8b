import { CONCURRENCY, type Cost } from "./cost.ts";
import { decide, type Records } from "./evaluate.ts";
import type { Hold } from "./holds.ts";
import type { Plan } from "./policy/plan.ts";
import type { Operation, OperationReply, SettlementReply } from "./store.ts";

/** What all stores say alike about reservations. */

/** The answer to who settles what is not on record. */
export const nothingKnown: SettlementReply = {
  outcome: "unknown",
  applied: false,
  held: {},
  cost: {},
  forgiven: [],
};

/**
 * The real cost of everything that was held; what is not mentioned cost what was held. A slot costs
 * nothing once its holder has ended.
 */
export function actualCost({ cost: held }: Pick<Hold, "cost">, cost: Cost | undefined): Cost {
  const types = Object.keys(held);
  const nothing = cost === undefined;
  return Object.fromEntries(
    types.map((type) => [
      type,
      nothing || type === CONCURRENCY ? 0 : (cost[type] ?? held[type] ?? 0),
    ]),
  );
}

export const sameAmounts = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((amount, index) => amount === b[index]);

/**
 * The same answer as before, without a second charge, over the state as it is now.
 * @param same whether the same was asked for; else it is a conflict
 */
export function repeatedReply(
  plan: Plan,
  records: Records,
  { amounts }: Operation,
  same: boolean,
  leaseEndsAtMs: number,
  nowMs: number,
): OperationReply {
  const asked = decide(plan, records, { mode: "check", amounts: amounts.map(() => 0) }, nowMs);
  return {
    outcome: same ? "admitted" : "conflict",
    waitsMs: undefined,
    blockedUntilMs: 0,
    cells: asked.cells,
    leaseEndsAtMs,
    repeated: true,
    nowMs,
  };
}
