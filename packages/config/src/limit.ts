import type { LimitInput } from "@tollgate/core";

import type { Field } from "./field.ts";
import { asMap, entriesOf, type Entry, textOf } from "./keys.ts";
import { conditions, fieldUnder, limitFields, requiredFields, type Rule } from "./limit-fields.ts";
import type { Position, Report } from "./problem.ts";
import { describe, memberPath, type Node } from "./tree.ts";

/** A limit of a file, with the places of its fields. */
export interface PlacedLimit {
  readonly input: LimitInput;
  readonly path: string;
  readonly at: Position;
  readonly entries: ReadonlyMap<string, Entry>;
}

type Entries = ReadonlyMap<string, Entry>;

const ruleNames: Readonly<Record<Rule, string>> = {
  window: "a window",
  bucket: "a bucket",
  concurrency: "concurrency",
};

/** Told by the type, or by fields that only one rule has. */
function ruleOf(entries: Entries): Rule | "both" | "neither" {
  if (textOf(entries.get("type")) === "concurrency") return "concurrency";
  const asWindow = entries.has("window") || entries.has("limit");
  const asBucket = entries.has("rate") || entries.has("capacity");
  if (asWindow === asBucket) return asWindow ? "both" : "neither";
  return asWindow ? "window" : "bucket";
}

/** The values of all fields that can be read. */
function readFields(
  entries: Entries,
  rule: Rule | undefined,
  report: Report,
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, entry] of entries) {
    const field: Field | undefined =
      rule === undefined ? limitFields[name] : fieldUnder(rule, name);
    if (field === undefined) {
      const expected = `nothing, since this limit is ${ruleNames[rule ?? "window"]}`;
      report.expected(entry.at, entry.path, expected, describe(entry.node));
      continue;
    }
    const value = field.read(entry.node, entry.path, report);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

function rejectUnmet(entries: Entries, values: ReadonlyMap<string, unknown>, report: Report): void {
  const told = new Set<string>();
  for (const { field, beside, values: fitting, optional } of conditions) {
    const entry = entries.get(field);
    const other = values.get(beside);
    const isMissing = !entries.has(beside);
    if (entry === undefined || told.has(field)) continue;
    // What is wrong with the other one has been told.
    if ((optional && isMissing) || (other === undefined && !isMissing)) continue;
    if (typeof other === "string" && fitting.includes(other)) continue;
    told.add(field);
    const condition = `nothing, unless ${beside} is ${fitting.join(" or ")}`;
    report.expected(entry.at, entry.path, condition, describe(entry.node));
  }
}

// Each value was read by the field of its name.
const isLimitInput = (_value: object, isClean: boolean): _value is LimitInput => isClean;

/** Reads one limit, with all that is wrong with it. */
export const limitField: Field<PlacedLimit> = {
  read: (node: Node, path: string, report: Report): PlacedLimit | undefined => {
    const before = report.count;
    const map = asMap(node, path, "a limit, which is a map", report);
    if (map === undefined) return undefined;
    const entries = entriesOf(map, path, Object.keys(limitFields), report);
    const rule = ruleOf(entries);
    const known = rule === "both" || rule === "neither" ? undefined : rule;
    const values = readFields(entries, known, report);
    if (known === undefined) {
      report.expected(map.at, path, "either window and limit, or rate and capacity", rule);
    } else if (known === "window") rejectUnmet(entries, values, report);
    for (const name of ["type", ...(known === undefined ? [] : requiredFields[known])]) {
      if (entries.has(name)) continue;
      report.add(map.at, memberPath(path, name), "missing");
    }
    const input = Object.fromEntries(values);
    // What the environment lacks was reported before, and is no value here.
    const isClean = report.count === before && values.size === entries.size;
    if (!isLimitInput(input, isClean)) return undefined;
    return { input, path, at: map.at, entries };
  },
  schema: { $ref: "#/definitions/limit" },
};
