import type { LimitInput, LimitOverride, LimitOverrides } from "@tollgate/core";

import { compact } from "./compact.ts";
import { type CompiledLimit, compileLimit, compileLimits, rejectDuplicates } from "./core-check.ts";
import { choice, type Field, isWord, listOf, wordRule } from "./field.ts";
import { asMap, entriesOf, objectSchema, unknownName } from "./keys.ts";
import { fieldUnder } from "./limit-fields.ts";
import { limitField } from "./limit.ts";
import type { Report } from "./problem.ts";
import { memberPath, type Node } from "./tree.ts";

/** What one tier may spend. */
export interface TierConfig {
  /** Instead of the file's own limits. @default the file's limits */
  readonly limits?: readonly LimitInput[];
  /** Other numbers for some of them, and further limits; see `Limiter.override`. */
  readonly overrides?: LimitOverrides;
}

/** What tiers are read against. */
export interface TierContext {
  /** The file's own limits. */
  readonly limits: readonly CompiledLimit[];
  readonly scope: string | undefined;
  readonly report: Report;
}

const limitList = listOf("a list of at least one limit", limitField, 1);
const addedList = listOf("a list of limits", limitField);
const skipField = choice([true]);

function readOverride(
  node: Node,
  path: string,
  { placed, limit }: CompiledLimit,
  { scope, report }: TierContext,
): LimitOverride | undefined {
  const before = report.count;
  const rule =
    limit.type === "concurrency" ? "concurrency" : "rate" in placed.input ? "bucket" : "window";
  const numbers = rule === "bucket" ? ["rate", "capacity"] : ["limit"];
  const expected = `a map of ${[...numbers, "skip"].join(" or ")}`;
  const map = asMap(node, path, expected, report);
  if (map === undefined) return undefined;
  const entries = entriesOf(map, path, [...numbers, "skip"], report);
  if (report.count === before && entries.size === 0) {
    report.expected(map.at, path, expected, "an empty one");
  }
  const number = (name: string): number | undefined => {
    const entry = entries.get(name);
    const value = entry && fieldUnder(rule, name)?.read(entry.node, entry.path, report);
    return typeof value === "number" ? value : undefined;
  };
  const skipEntry = entries.get("skip");
  const change = compact({
    limit: number("limit"),
    rate: number("rate"),
    capacity: number("capacity"),
    skip: skipEntry && skipField.read(skipEntry.node, skipEntry.path, report),
  });
  if (report.count > before) return undefined;
  // A bucket's numbers must fit each other.
  compileLimit(
    { path, at: map.at, entries, input: withNumbers(placed.input, change) },
    scope,
    report,
  );
  return change;
}

function withNumbers(input: LimitInput, { limit, rate, capacity }: LimitOverride): LimitInput {
  if ("rate" in input) {
    return { ...input, rate: rate ?? input.rate, capacity: capacity ?? input.capacity };
  }
  return { ...input, limit: limit ?? input.limit };
}

function readOverrides(
  node: Node,
  path: string,
  base: readonly CompiledLimit[],
  context: TierContext,
): LimitOverrides | undefined {
  const { scope, report } = context;
  const map = asMap(node, path, "a map of limits and add", report);
  if (map === undefined) return undefined;
  const entries = entriesOf(map, path, ["limits", "add"], report);
  const changed = entries.get("limits");
  const added = entries.get("add");
  const changes =
    changed && asMap(changed.node, changed.path, "a map by the names of limits", report);
  const names = base.map(({ limit }) => limit.name);
  const limits = changes?.entries.flatMap(({ key, at, node: change }) => {
    const place = memberPath(path, "limits");
    const target = base.find(({ limit }) => limit.name === key);
    if (target === undefined) {
      report.add(at, memberPath(place, key), unknownName("limit", key, names));
      return [];
    }
    const override = readOverride(change, memberPath(place, key), target, context);
    return override === undefined ? [] : [[key, override] as const];
  });
  const add = added && addedList.read(added.node, added.path, report);
  for (const each of add ?? []) {
    if (each.input.name === undefined) {
      report.add(each.at, memberPath(each.path, "name"), "missing, and needed by what is added");
    }
  }
  const compiled = add
    ?.map((each) => compileLimit(each, scope, report))
    .filter((each) => each !== undefined);
  if (compiled !== undefined) rejectDuplicates([...base, ...compiled], report);
  return compact({
    limits: limits && Object.fromEntries(limits),
    add: add?.map(({ input }) => input),
  });
}

function readTier(node: Node, path: string, context: TierContext): TierConfig | undefined {
  const { limits, scope, report } = context;
  if (node.kind === "list") {
    const placed = limitList.read(node, path, report) ?? [];
    compileLimits(placed, scope, report);
    return { limits: placed.map(({ input }) => input) };
  }
  const map = asMap(node, path, "a list of limits, or a map of limits and overrides", report);
  if (map === undefined) return undefined;
  const entries = entriesOf(map, path, ["limits", "overrides"], report);
  const [own, changes] = [entries.get("limits"), entries.get("overrides")];
  const placed = own && limitList.read(own.node, own.path, report);
  const compiled = placed && compileLimits(placed, scope, report);
  return compact({
    limits: placed?.map(({ input }) => input),
    overrides: changes && readOverrides(changes.node, changes.path, compiled ?? limits, context),
  });
}

/** Reads the limits of each tier. Which subject is of which tier is for code to tell. */
export function readTiers(
  node: Node,
  path: string,
  context: TierContext,
): Readonly<Record<string, TierConfig>> | undefined {
  const { report } = context;
  const map = asMap(node, path, "a map of limits by tier", report);
  const tiers = map?.entries.flatMap(({ key, at, node: tier }) => {
    const place = memberPath(path, key);
    if (!isWord(key)) {
      report.expected(at, place, wordRule("a tier's name"), `string ${JSON.stringify(key)}`);
    }
    const read = readTier(tier, place, context);
    return read === undefined ? [] : [[key, read] as const];
  });
  return tiers && Object.fromEntries(tiers);
}

const overrideSchema = {
  type: "object",
  properties: {
    limit: fieldUnder("window", "limit")?.schema,
    rate: fieldUnder("bucket", "rate")?.schema,
    capacity: fieldUnder("bucket", "capacity")?.schema,
    skip: skipField.schema,
  },
  additionalProperties: false,
  minProperties: 1,
};

/** For editors. */
export const tiersSchema: Field["schema"] = {
  type: "object",
  propertyNames: { pattern: "^[A-Za-z][A-Za-z0-9._-]{0,63}$" },
  additionalProperties: {
    anyOf: [
      limitList.schema,
      objectSchema({
        limits: limitList.schema,
        overrides: objectSchema({
          limits: { type: "object", additionalProperties: overrideSchema },
          add: addedList.schema,
        }),
      }),
    ],
  },
};
