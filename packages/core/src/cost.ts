import { NOT_APPLIED } from "./algorithms/kernel.ts";
import { describeValue, TollgateError } from "./errors.ts";
import type { Limit } from "./policy/limit.ts";
import type { Plan } from "./policy/plan.ts";
import { checkSubject, idFor, type Subject } from "./subject.ts";

/**
 * Amounts by type: `{ count: 1, token: 1200 }`. Non-negative safe integers. Left out altogether it
 * is `{ count: 1 }`; a limit whose type it does not name is charged nothing. Only of `concurrency`
 * every call takes one unless the cost says otherwise: a call that runs is a call that runs.
 */
export type Cost = Readonly<Record<string, number>>;

/** The type whose units are slots: taken while a call runs, and then free again. */
export const CONCURRENCY = "concurrency";

/** What a call costs of types that its cost does not name, where that is not nothing. */
export const standardAmount = (type: string): number =>
  type === "count" || type === CONCURRENCY ? 1 : 0;

/** Types that may be named although no limit meters them: one cost can serve every limiter. */
const builtInTypes: ReadonlySet<string> = new Set([
  "count",
  "token",
  "inputToken",
  "outputToken",
  CONCURRENCY,
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

/** The types a cost may name, and whether it may name others too. */
export type Metered = Pick<Plan, "types" | "oneOfMany">;

/** Checks a cost against the types that are metered. @throws TollgateError `INVALID_COST` */
export function checkCost(metered: Metered, cost: Cost): void {
  const { types } = metered;
  checkListed(metered, cost);
  // What a class inherits is read as well, although it is not listed.
  for (const type of types) amountIn(cost, type);
}

const mayName = ({ types, oneOfMany }: Metered, type: string): boolean =>
  types.has(type) || oneOfMany || builtInTypes.has(type);

function checkListed(metered: Metered, cost: Cost): void {
  const { types } = metered;
  checkAmounts(cost);
  for (const type in cost) {
    if (!mayName(metered, type)) {
      throw unknownType(types, type, cost[type]);
    }
    if (!isAmount(cost[type])) throw invalidAmount(type, cost[type]);
  }
}

const unknownType = (types: ReadonlySet<string>, type: string, amount: unknown): TollgateError =>
  invalid(`cost.${type}`, `a type that a limit meters (${[...types].join(", ")})`, amount);

const isAmount = (amount: unknown): boolean => Number.isSafeInteger(amount) && Number(amount) >= 0;

const invalidAmount = (type: string, amount: unknown): TollgateError =>
  invalid(`cost.${type}`, "a non-negative safe integer", amount);

function amountIn(cost: Cost, type: string): number {
  const amount = cost[type];
  if (amount === undefined) return type === CONCURRENCY ? 1 : 0;
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
  if (cost !== undefined) checkListed(plan, cost);
  const amounts = plan.standardAmounts.slice();
  let typeBefore: string | undefined;
  let amount = 0;
  for (let index = 0; index < plan.limits.length; index += 1) {
    const limit = plan.limits[index];
    if (limit === undefined) continue;
    const { type } = limit;
    if (cost !== undefined) {
      // Limits of one type mostly stand together, and looking up a varying key is slow.
      if (type !== typeBefore) amount = amountIn(cost, type);
      typeBefore = type;
      amounts[index] = amount;
    }
    if (!applies(limit, subject)) amounts[index] = NOT_APPLIED;
  }
  return amounts;
}

function applies({ when, shadow, scope, sharedWhenMissing }: Limit, subject: Subject): boolean {
  if (when !== undefined && !when(subject)) return false;
  // A subject without an id is an error of the call, which a shadow limit must not cause.
  return !shadow || sharedWhenMissing || idFor(subject, scope) !== undefined;
}

const MOST = Number.MAX_SAFE_INTEGER;

/**
 * What an adjustment comes to for each limit of the plan: 0 for limits it does not concern.
 * @throws TollgateError `INVALID_COST`
 */
export function deltasOf(
  plan: Plan,
  adjustment: Cost,
  amounts: readonly number[],
): readonly number[] {
  const { types, limits } = plan;
  checkAmounts(adjustment);
  for (const [type, delta] of Object.entries(adjustment)) {
    if (type === CONCURRENCY)
      throw invalid(`cost.${type}`, "no slots: only calls take them", delta);
    if (!mayName(plan, type)) throw unknownType(types, type, delta);
    if (!Number.isSafeInteger(delta)) {
      throw invalid(`cost.${type}`, `an integer from -${String(MOST)} to ${String(MOST)}`, delta);
    }
  }
  return limits.map(({ type }, index) =>
    // The addition turns -0, which strict comparisons would see, into 0.
    amounts[index] === NOT_APPLIED ? 0 : (adjustment[type] ?? 0) + 0,
  );
}

/**
 * Amounts by type, of limits that apply.
 * @param instead what to tell in place of the amounts
 */
export function byType(
  { limits }: Plan,
  amounts: readonly number[],
  instead: readonly number[] = amounts,
): Cost {
  const applied = limits.flatMap(({ type }, index) =>
    amounts[index] === NOT_APPLIED ? [] : [[type, instead[index] ?? 0] as const],
  );
  return Object.fromEntries(applied);
}
