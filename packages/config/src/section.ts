import { isIP } from "node:net";

import type { LimitInput } from "@tollgate/core";

import { compact } from "./compact.ts";
import { compileLimits } from "./core-check.ts";
import {
  type Field,
  flag,
  integer,
  isWord,
  type JsonSchema,
  listOf,
  positive,
  text,
  word,
  wordRule,
} from "./field.ts";
import { asMap, entriesOf, objectSchema, textOf } from "./keys.ts";
import { limitField } from "./limit.ts";
import type { Report } from "./problem.ts";
import { readTiers, type TierConfig, tiersSchema } from "./tiers.ts";
import { describe, type MapNode, memberPath } from "./tree.ts";

/** Where a file wants usage to be kept. Nothing here opens a store: code does, and passes it on. */
export interface StoreHint {
  /** As the file says; never `memory`, which needs no hint. */
  readonly backend: string;
  /** The `sql_database` of the file. */
  readonly sqlDatabase?: string;
}

/** Ids by scope; for `ip`, addresses and ranges. */
export type IdLists = Readonly<Record<string, readonly string[]>>;

/**
 * What a file says. All but `tiers` and `storeHint` are options of `createLimiter`; that it refuses
 * those two keeps them from being overlooked.
 */
export interface LoadedConfig {
  readonly enabled?: boolean;
  readonly name?: string;
  readonly scope?: string;
  readonly limits?: readonly LimitInput[];
  readonly thresholds?: readonly number[];
  readonly leaseMs?: number;
  readonly allow?: IdLists;
  readonly deny?: IdLists;
  /** Only when the file has tiers. */
  readonly tiers?: Readonly<Record<string, TierConfig>>;
  /** Only when the file names a `backend` other than `memory`. */
  readonly storeHint?: StoreHint;
}

const id = text("an id, which is a non-empty string", /^[\s\S]+$/);
const address = text("an IP address or a range such as 10.0.0.0/8", /^[\da-fA-F.:/]+$/, isRange);

function isRange(entry: string): boolean {
  const [ip = "", prefix, ...rest] = entry.split("/");
  const version = isIP(ip);
  const most = version === 4 ? 32 : 128;
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most);
  return version !== 0 && rest.length === 0 && isPrefix;
}

const idLists: Field<IdLists> = {
  read: (node, path, report) => {
    const map = asMap(node, path, "a map of lists by scope", report);
    const lists = map?.entries.flatMap(({ key, at, node: list }) => {
      const place = memberPath(path, key);
      if (!isWord(key)) {
        report.expected(
          at,
          place,
          wordRule("a scope such as user"),
          `string ${JSON.stringify(key)}`,
        );
      }
      const ids = listOf("a list of ids", key === "ip" ? address : id).read(list, place, report);
      return ids === undefined ? [] : [[key, ids] as const];
    });
    return lists && Object.fromEntries(lists);
  },
  schema: {
    type: "object",
    propertyNames: { pattern: "^[A-Za-z][A-Za-z0-9._-]{0,63}$" },
    properties: { ip: listOf("a list of ids", address).schema },
    additionalProperties: listOf("a list of ids", id).schema,
  },
};

const described = <T>({ read, schema }: Field<T>, description: string): Field<T> => ({
  read,
  schema: { ...schema, description },
});

const fields = {
  enabled: described(flag, "false admits everything and charges nothing. Default: true."),
  name: described(
    word("a limiter's name"),
    "Part of every key: limiters on one store need different names. Default: default.",
  ),
  scope: described(
    word("a scope such as user"),
    "The scope of limits that name none. Default: caller.",
  ),
  limits: described(
    listOf("a list of at least one limit", limitField, 1),
    "What may be spent. Every call meets all of them.",
  ),
  thresholds: described(
    listOf("a list of percentages", positive("a percentage above 0, up to 1000", 1000)),
    "Percentages of a limit at which an event is told.",
  ),
  leaseMs: described(
    integer("milliseconds", 1, 86_400_000),
    "How long a call is believed to run unless code says otherwise. Default: 300000.",
  ),
  allow: described(idLists, "Subjects that no limit concerns, by scope."),
  deny: described(idLists, "Subjects that are refused whatever the limits say, by scope."),
  backend: described(
    word("a kind of store such as memory or sql"),
    "Where usage is to be kept. Told to the code that opens the store.",
  ),
  sqlDatabase: described(
    text("the name of a database", /^[\s\S]+$/),
    "The database that backend: sql means. Told to the code that opens the store.",
  ),
};

const keys = [...Object.keys(fields), "tiers"];

/** The keys of a section that no other section of a file is likely to be called. */
export const tellingKeys: readonly string[] = [
  "limits",
  "thresholds",
  "leaseMs",
  "lease_ms",
  "allow",
  "deny",
  "tiers",
];

/** For editors. */
export const sectionSchema: JsonSchema = objectSchema(
  {
    ...Object.fromEntries(Object.entries(fields).map(([key, { schema }]) => [key, schema])),
    tiers: { ...tiersSchema, description: "Limits by tier. Code tells who is of which tier." },
  },
  {
    // What is left out is on.
    anyOf: [
      { required: ["limits"] },
      { required: ["tiers"] },
      { required: ["enabled"], properties: { enabled: { enum: [false] } } },
      { required: ["enabled"], properties: { enabled: { type: "string" } } },
    ],
  },
);

/** Reads what stands under `rate_limiting`. @param more keys that mean nothing here, but may stand */
export function readSection(
  map: MapNode,
  path: string,
  scopeOption: string | undefined,
  report: Report,
  more: readonly string[] = [],
): LoadedConfig {
  const entries = entriesOf(map, path, keys, report, more);
  const read = <T>(key: string, field: Field<T>): T | undefined => {
    const entry = entries.get(key);
    return entry && field.read(entry.node, entry.path, report);
  };
  const enabled = read("enabled", fields.enabled);
  const scope = scopeOption ?? read("scope", fields.scope);
  const placed = read("limits", fields.limits);
  const limits = compileLimits(placed ?? [], scope, report);
  if (!entries.has("limits") && !entries.has("tiers") && enabled !== false) {
    report.add(map.at, memberPath(path, "limits"), "missing");
  }
  const tiers = entries.get("tiers");
  const backend = read("backend", fields.backend);
  const sqlDatabase = read("sqlDatabase", fields.sqlDatabase);
  const database = entries.get("sqlDatabase");
  if (database !== undefined && textOf(entries.get("backend")) !== "sql") {
    report.expected(
      database.at,
      database.path,
      "nothing, unless backend is sql",
      describe(database.node),
    );
  }
  const hasHint = backend !== undefined && backend !== "memory";
  return compact({
    enabled,
    name: read("name", fields.name),
    scope,
    limits: placed?.map(({ input }) => input),
    thresholds: read("thresholds", fields.thresholds),
    leaseMs: read("leaseMs", fields.leaseMs),
    allow: read("allow", fields.allow),
    deny: read("deny", fields.deny),
    tiers: tiers && readTiers(tiers.node, tiers.path, { limits, scope, report }),
    storeHint: hasHint ? { backend, ...compact({ sqlDatabase }) } : undefined,
  });
}
