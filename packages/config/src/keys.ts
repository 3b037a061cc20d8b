import type { JsonSchema } from "./field.ts";
import { nearest } from "./nearest.ts";
import type { Position, Report } from "./problem.ts";
import { describe, type MapNode, memberPath, type Node, type Scalar } from "./tree.ts";

/** One key of a map whose keys are known. */
export interface Entry {
  readonly path: string;
  readonly at: Position;
  readonly node: Node;
}

/** How a key reads in files that prefer `time_zone` to `timeZone`. */
export const snakeCase = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The text of an entry's scalar, if it is there. */
export const textOf = (entry: Entry | undefined): Scalar | undefined =>
  entry?.node.kind === "scalar" ? entry.node.text : undefined;

/** Refuses whatever is not a map. */
export function asMap(
  node: Node,
  path: string,
  expected: string,
  report: Report,
): MapNode | undefined {
  if (node.kind === "map") return node;
  if (node.kind !== "unknown") report.expected(node.at, path, expected, describe(node));
  return undefined;
}

/** What is wrong with a name that nobody knows. @param more what may have been meant as well */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
  more: readonly string[] = [],
): string {
  const meant = nearest(name, [...known, ...more]);
  if (meant !== undefined) return `unknown ${what}, did you mean ${meant}?`;
  return `unknown ${what}, expected one of ${known.join(", ")}`;
}

/**
 * The entries of a map by known key, in either spelling. Unknown keys are refused.
 * @param tolerated keys that may stand, but mean nothing here
 */
export function entriesOf(
  map: MapNode,
  path: string,
  known: readonly string[],
  report: Report,
  tolerated: readonly string[] = [],
): ReadonlyMap<string, Entry> {
  const bySpelling = new Map(
    known.flatMap((key) => [[key, key] as const, [snakeCase(key), key] as const]),
  );
  const entries = new Map<string, Entry>();
  for (const { key: written, at: keyAt, node } of map.entries) {
    const place = memberPath(path, written);
    const key = bySpelling.get(written);
    const other = key === undefined ? undefined : entries.get(key);
    if (key === undefined) {
      if (tolerated.includes(written)) continue;
      // In the spelling that the file uses.
      const offered = written.includes("_") ? known.map(snakeCase) : known;
      report.add(keyAt, place, unknownName("key", written, offered, tolerated));
    } else if (other !== undefined) {
      const first = `${other.path} on line ${String(other.at.line)}`;
      report.add(keyAt, place, `already given as ${first}`);
    } else {
      entries.set(key, { path: place, at: node.at, node });
    }
  }
  return entries;
}

/** For the schema: an object of known keys in either spelling, but not in both. */
export function objectSchema(
  properties: Readonly<Record<string, JsonSchema>>,
  more: JsonSchema = {},
): JsonSchema {
  const spelled = Object.entries(properties).filter(([key]) => snakeCase(key) !== key);
  const both = spelled.map(([key]) => ({ not: { required: [key, snakeCase(key)] } }));
  const { allOf = [], ...rest } = more;
  const rules: readonly unknown[] = [...both, ...(Array.isArray(allOf) ? allOf : [])];
  return {
    type: "object",
    properties: {
      ...properties,
      ...Object.fromEntries(spelled.map(([key, schema]) => [snakeCase(key), schema])),
    },
    additionalProperties: false,
    ...rest,
    ...(rules.length > 0 ? { allOf: rules } : {}),
  };
}
