import { describe, expect, test } from "@jest/globals";
import { Ajv } from "ajv";
import fc from "fast-check";
import { stringify } from "yaml";

import { ConfigFileError, parseConfig, schema } from "./index.ts";
import { snakeCase } from "./keys.ts";

const runs = process.env["TOLLGATE_TEST_SIZE"] === "long" ? 20_000 : 1000;
const seed = Number(process.env["TOLLGATE_SEED"] ?? Date.now() % 2 ** 31);
process.stdout.write(`properties run with TOLLGATE_SEED=${String(seed)}\n`);

const accepts = new Ajv({ strict: false }).compile(schema);

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const without = (values: object): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const common = {
  type: fc.constantFrom("count", "token", "usd", "a.b-c_d"),
  scope: optional(fc.constantFrom("user", "session", "team")),
  within: optional(fc.constantFrom("tenant", null)),
  whenMissing: optional(fc.constantFrom("reject", "shared")),
  debt: optional(fc.constantFrom("carry", "forgive")),
  suspended: optional(fc.boolean()),
  advertise: optional(fc.boolean()),
  shadow: optional(fc.boolean()),
};
const max = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(999_999_999_999_999));
const window = fc.oneof(
  fc.constantFrom("minute", "hour", "day", "week", "month", "1ms", "3650d", "007m"),
  fc.integer({ min: 1, max: 3650 }).map((days) => `${String(days)}d`),
);

const limit: fc.Arbitrary<object> = fc
  .oneof(
    fc.record({ ...common, window, limit: max, algorithm: optional(fc.constant("fixed")) }),
    fc.record({
      ...common,
      window,
      limit: fc.integer({ min: 1, max: 1000 }),
      algorithm: fc.constant("sliding"),
    }),
    fc.record({
      ...common,
      window,
      limit: max,
      algorithm: fc.constant("sliding-log"),
      maxEntries: optional(fc.integer({ min: 1, max: 10_000 })),
    }),
    fc.record({
      ...common,
      window: fc.constant("week"),
      limit: max,
      align: fc.constant("calendar"),
      timeZone: optional(fc.constantFrom("UTC", "Europe/Berlin", "America/Argentina/Ushuaia")),
      weekStart: optional(fc.constantFrom("sunday", "monday", "saturday")),
    }),
    fc.record({
      ...common,
      window: fc.constant("month"),
      limit: max,
      align: fc.constant("calendar"),
      monthStart: optional(fc.integer({ min: 1, max: 31 })),
    }),
    fc.record({
      ...common,
      rate: fc.integer({ min: 1, max: 1_000_000 }).map((millionths) => millionths / 1e6),
      capacity: fc.integer({ min: 1, max: 9000 }),
    }),
    fc.record({
      ...common,
      type: fc.constant("concurrency"),
      limit: fc.integer({ min: 1, max: 10_000 }),
    }),
  )
  // The scopes of the list lie within tenants; a file's default may not.
  .map((each) => without(each.within === "tenant" ? { ...each, scope: "user" } : each));

// Names of their own, or some of them would share their usage.
const limits = fc
  .array(limit, { minLength: 1, maxLength: 3 })
  .map((each) => each.map((one, index) => ({ ...one, name: `limit ${String(index)}: #"'{}` })));

const ids = fc.array(
  fc.string({ minLength: 1, unit: "binary" }).map((id) => id.replaceAll("$", "_")),
  { maxLength: 3 },
);
const config: fc.Arbitrary<object> = fc
  .record({
    enabled: optional(fc.boolean()),
    name: optional(fc.constantFrom("default", "api-v2")),
    scope: optional(fc.constantFrom("user", "session")),
    limits,
    thresholds: optional(
      fc.array(fc.double({ min: 0.01, max: 1000, noNaN: true }), { maxLength: 3 }),
    ),
    leaseMs: optional(fc.integer({ min: 1, max: 86_400_000 })),
    allow: optional(fc.record({ user: ids, ip: fc.constant(["10.0.0.0/8", "::1"]) })),
    deny: optional(fc.record({ session: ids })),
    tiers: optional(
      fc
        .record({ free: fc.record({ limits }), pro: fc.record({ limits: optional(limits) }) })
        .map(({ free, pro }) => ({ free, pro: without(pro) })),
    ),
  })
  .map(without);

function inSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [snakeCase(key), inSnakeCase(each)]),
  );
}

const holds = <T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void): void => {
  fc.assert(fc.property(arbitrary, predicate), { seed, numRuns: runs });
};

function refusalOf(text: string): unknown {
  try {
    parseConfig(text, { env: {} });
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("any valid configuration", () => {
  test("survives a round trip through YAML and JSON, in both spellings", () => {
    holds(config, (written) => {
      const options = { env: {} };
      expect(parseConfig(stringify(written), options)).toEqual(written);
      expect(parseConfig(JSON.stringify(written), options)).toEqual(written);
      expect(parseConfig(JSON.stringify(written, undefined, "\t"), options)).toEqual(written);
      expect(parseConfig(stringify({ rate_limiting: inSnakeCase(written) }), options)).toEqual(
        written,
      );
    });
  });

  test("is valid to editors", () => {
    holds(config, (written) => {
      expect(accepts(written)).toBe(true);
      expect(accepts({ rate_limiting: inSnakeCase(written), other: 1 })).toBe(true);
    });
  });
});

describe("any text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc
      .array(
        fc.constantFrom(
          ..."limits:|rate_limiting:|tiers:|type:|window:|limit:|- |  |\n|\t|{|}|[|]|,|: |&a |*a|'|\"|!|count|day|5|${|}|$|?|<<|---|#".split(
            "|",
          ),
        ),
      )
      .map((words) => words.join("")),
  );

  test("is a configuration or a list of problems, whatever it holds", () => {
    holds(text, (each) => {
      const refusal = refusalOf(each);
      expect(refusal === undefined || refusal instanceof ConfigFileError).toBe(true);
    });
  });

  test("that the schema forbids is no configuration", () => {
    const value = fc.jsonValue();
    const keys = fc.constantFrom("type", "window", "limit", "rate", "capacity", "scope", "name");
    const near = fc.record({
      limits: fc.array(fc.dictionary(keys, fc.oneof(limit, value, max, window))),
    });
    holds(fc.oneof(value, near), (each) => {
      const refusal = refusalOf(JSON.stringify(each));
      expect(refusal !== undefined || accepts(each)).toBe(true);
    });
  });
});
