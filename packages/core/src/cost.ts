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

/** Refuses what is no cost at all, whose amounts would all be 0. @throws TollgateError `INVALID_COST` */
export function checkAmounts(cost: unknown): void {
  if (typeof cost === "object" && cost !== null && !Array.isArray(cost)) return;
  throw invalid("cost", "an object of amounts by type", cost);
}

/** Checks a cost against the types that are metered. @throws TollgateError `INVALID_COST` */
export function checkCost({ types }: Pick<Plan, "types">, cost: Cost): void {
  checkListed(types, cost);
  // What a class inherits is read as well, although it is not listed.
  for (const type of types) amountIn(cost, type);
}

function checkListed(types: ReadonlySet<string>, cost: Cost): void {
  checkAmounts(cost);
  for (const type in cost) {
    if (!types.has(type) && !builtInTypes.has(type)) {
      throw invalid(
        `cost.${type}`,
        `a type that a limit meters (${[...types].join(", ")})`,
        cost[type],
      );
    }
    if (!isAmount(cost[type])) throw invalidAmount(type, cost[type]);
  }
}

const isAmount = (amount: unknown): boolean => Number.isSafeInteger(amount) && Number(amount) >= 0;

const invalidAmount = (type: string, amount: unknown): TollgateError =>
  invalid(`cost.${type}`, "a non-negative safe integer", amount);

function amountIn(cost: Cost, type: string): number {
  const amount = cost[type];
  if (amount === undefined) return 0;
  if (!isAmount(amount)) throw invalidAmount(type, amount);
  // The addition turns -0, which strict comparisons would see, into 0.
  return amount + 0;
}

/**
 * The amount for each limit of the plan, in its order; `NOT_APPLIED` for limits whose `when` leaves
 * this subject out.
 */
export function amountsOf(plan: Plan, subject: Subject, cost: Cost | undefined): readonly number[] {
  checkSubject(subject);
  return cost === undefined && !plan.conditional
    ? plan.standardAmounts
    : statedAmounts(plan, subject, cost);
}

// Apart, so that the usual call stays small enough for V8 to compile it into its caller.
function statedAmounts(plan: Plan, subject: Subject, cost: Cost | undefined): readonly number[] {
  if (cost !== undefined) checkListed(plan.types, cost);
  const amounts = plan.standardAmounts.slice();
  let typeBefore: string | undefined;
  let amount = 0;
  for (let index = 0; index < plan.limits.length; index += 1) {
    const limit = plan.limits[index];
    if (limit === undefined) continue;
    const { type, when } = limit;
    if (cost !== undefined) {
      // Limits of one type mostly stand together, and looking up a varying key is slow.
      if (type !== typeBefore) amount = amountIn(cost, type);
      typeBefore = type;
      amounts[index] = amount;
    }
    if (when !== undefined && !when(subject)) amounts[index] = NOT_APPLIED;
  }
  return amounts;
}
