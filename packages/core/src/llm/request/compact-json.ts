/** How many more JSON values may be looked at; shared by all that reads one request. */
export interface NodeBudget {
  left: number;
}

/**
 * As many of `count` values as may still be looked at. Asked before the values are queued and not
 * when they are read, so that a list which holds itself a thousand times queues no million.
 */
export function take(budget: NodeBudget, count: number): number {
  const taken = Math.min(count, budget.left);
  budget.left -= taken;
  return taken;
}

/** What remains to be written: a text as it is, or a value after its text. */
interface Pending {
  readonly before: string;
  readonly value?: unknown;
  readonly hasValue: boolean;
}

const literal = (before: string): Pending => ({ before, hasValue: false });

function scalar(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : "null";
}

function membersOf(value: object, budget: NodeBudget): Pending[] {
  if (Array.isArray(value))
    return value
      .slice(0, take(budget, value.length))
      .map((item: unknown, i) => ({ before: i === 0 ? "" : ",", value: item, hasValue: true }));
  if (budget.left === 0) return [];
  const entries: [string, unknown][] = Object.entries(value);
  return entries.slice(0, take(budget, entries.length)).map(([key, item], i) => ({
    before: `${i === 0 ? "" : ","}${JSON.stringify(key)}:`,
    value: item,
    hasValue: true,
  }));
}

/**
 * The value as JSON without spaces, as a model sees it. Walks with a list instead of recursion, so
 * that deep nesting cannot overflow the stack, and stops at the budget, so that cycles end.
 */
export function compactJson(root: unknown, budget: NodeBudget): string {
  const parts: string[] = [];
  const pending: Pending[] = [{ before: "", value: root, hasValue: true }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    parts.push(next.before);
    if (!next.hasValue) continue;
    const { value } = next;
    if (typeof value !== "object" || value === null) {
      parts.push(scalar(value));
      continue;
    }
    const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    parts.push(open);
    pending.push(literal(close));
    for (const member of membersOf(value, budget).toReversed()) pending.push(member);
  }
  return parts.join("");
}
