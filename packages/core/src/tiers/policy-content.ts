import { canonicalId } from "../keys.ts";
import { isObject } from "../parse.ts";

/** Policies are four levels deep; whatever is deeper may be a ring. */
const MAX_DEPTH = 8;

let lastFunction = 0;
const functions = new WeakMap<object, number>();

/** Functions are alike only if they are the same one: nothing tells what two of them would do. */
function numberOf(value: object): number {
  const known = functions.get(value);
  if (known !== undefined) return known;
  lastFunction += 1;
  functions.set(value, lastFunction);
  return lastFunction;
}

// What a class inherits, or keeps private, is not to be seen from outside. Not by `Object.prototype`:
// every realm has its own.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function textOf(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return `function ${String(numberOf(value))}`;
  if (depth > MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    const members = Array.from(value, (member: unknown) => textOf(member, depth + 1));
    return members.includes(undefined) ? undefined : `[${members.join(",")}]`;
  }
  if (!isObject(value)) return `${typeof value} ${String(value)}`;
  if (!isPlain(value)) return undefined;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const text = textOf(member, depth + 1);
    if (text === undefined) return undefined;
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

/**
 * A short text that is equal for two policies only if they say the same; `undefined` for one whose
 * content cannot be told. Not JSON, in which NaN would be the `null` that some fields allow.
 */
export function contentOf(policy: unknown): string | undefined {
  const text = textOf(policy, 0);
  return text === undefined ? undefined : canonicalId(text);
}
