import { NOT_APPLIED } from "./algorithms/kernel.ts";
import { describeValue, TollgateError } from "./errors.ts";
import type { Plan } from "./plan.ts";
import { checkSubject, type Subject } from "./subject.ts";

/**
 * Amounts by type: `{ count: 1, token: 1200 }`. Non-negative safe integers. Left out altogether it
 * is `{ count: 1 }`; a limit whose type it does not name is charged nothing.
 */
export type Cost = Readonly<Record<string, number>>;

/** Types that may be named although no limit meters them: one cost can serve every limiter. */
const builtInTypes: ReadonlySet<string> = new Set([
  "count",
  "token",
  "inputToken",
  "outputToken",
  "concurrency",
]);

const invalid = (path: string, expected: string, value: unknown): TollgateError =>
  new TollgateError("INVALID_COST", `${path}: expected ${expected}, got ${describeValue(value)}`, {
    path,
  });

/** Checks a cost against the types that are metered. @throws TollgateError `INVALID_COST` */
export function checkCost({ types }: Pick<Plan, "types">, cost: Cost): void {
  if (typeof cost !== "object" || cost === null || Array.isArray(cost)) {
    throw invalid("cost", "an object of amounts by type", cost);
  }
  for (const type in cost) {
    if (!types.has(type) && !builtInTypes.has(type)) {
      throw invalid(
        `cost.${type}`,
        `a type that a limit meters (${[...types].join(", ")})`,
        cost[type],
      );
    }
    const amount = cost[type];
    if (amount === undefined || !Number.isSafeInteger(amount) || amount < 0) {
      throw invalid(`cost.${type}`, "a non-negative safe integer", amount);
    }
  }
}

/**
 * The amount for each limit of the plan, in its order; `NOT_APPLIED` for limits whose `when` leaves
 * this subject out.
 */
export function amountsOf(plan: Plan, subject: Subject, cost: Cost | undefined): readonly number[] {
  checkSubject(subject);
  if (cost === undefined && !plan.conditional) return plan.standardAmounts;
  if (cost !== undefined) checkCost(plan, cost);
  const amounts: number[] = [];
  for (const [index, { type, when }] of plan.limits.entries()) {
    // The addition turns -0, which strict comparisons would see, into 0.
    const amount = cost === undefined ? (plan.standardAmounts[index] ?? 0) : (cost[type] ?? 0) + 0;
    amounts.push(when === undefined || when(subject) ? amount : NOT_APPLIED);
  }
  return amounts;
}
