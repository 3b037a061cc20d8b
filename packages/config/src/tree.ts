import type { Position } from "./problem.ts";

/** A value of a file, with its place. */
export type Node = ScalarNode | ListNode | MapNode | UnknownNode;

/** What a scalar can be. */
export type Scalar = string | number | boolean | null;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly at: Position;
  readonly value: Scalar;
  /** What it says where a text is wanted; differs from `value` where a variable holds `12`. */
  readonly text: Scalar;
  /** As written, if there are variables in it. */
  readonly template?: string;
}

interface ListNode {
  readonly kind: "list";
  readonly at: Position;
  readonly items: readonly Node[];
}

export interface MapNode {
  readonly kind: "map";
  readonly at: Position;
  readonly entries: readonly MapEntry[];
}

/** One key of a map. */
export interface MapEntry {
  readonly key: string;
  readonly at: Position;
  readonly node: Node;
}

/** A value of which it has been reported that it cannot be read. */
interface UnknownNode {
  readonly kind: "unknown";
  readonly at: Position;
}

/** The path to a member; a key that is no plain word is quoted. */
export function memberPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** The path to an item. */
export const itemPath = (path: string, index: number): string => `${path}[${String(index)}]`;

function describeScalar(value: Scalar): string {
  if (value === null) return "nothing";
  if (typeof value !== "string") return `${typeof value} ${String(value)}`;
  return value.length > 60
    ? `a string of ${String(value.length)} characters`
    : `string ${JSON.stringify(value)}`;
}

/** How a value reads in a message. */
export function describe(node: Node): string {
  if (node.kind === "list") return `a list of ${String(node.items.length)}`;
  if (node.kind === "map") return "a map";
  if (node.kind === "unknown") return "a value that cannot be read";
  // What the environment holds may be a secret, and messages end up in logs.
  if (node.template !== undefined)
    return `a ${typeof node.value} from ${node.template.slice(0, 60)}`;
  return describeScalar(node.value);
}
