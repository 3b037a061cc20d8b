import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { isTollgateError, type TollgateError } from "./errors.ts";
import { createGate } from "./http/gate.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import { manualClock } from "./testing/manual-clock.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What is built from the wrong value. */
type Builder = "createLimiter" | "createGate" | "override" | "forRoute" | "memoryStore";

interface Row {
  readonly by: Builder;
  /** The configuration as somebody might write it. */
  readonly what: string;
  readonly given: unknown;
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

const row =
  (by: Builder) =>
  (what: string, given: unknown, path: string, expected: string, got: string): Row => ({
    by,
    what,
    given,
    path,
    expected,
    got,
  });

/** As a YAML or JSON file would bring it, so that `__proto__` is a key like any other. */
const parsed = (json: string): unknown => JSON.parse(json);

const minute = { type: "count", window: "minute", limit: 60 };
const bucket = { type: "count", rate: 2, capacity: 5 };
const without = (fields: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));

const options = row("createLimiter");
/** A row about one field of a limit. */
const field =
  (base: Fields, name: string, expected: string) =>
  (what: string, value: unknown, got: string): Row =>
    options(
      `${name}: ${what}`,
      { limits: [{ ...base, [name]: value }] },
      `limits[0].${name}`,
      expected,
      got,
    );

const windowOf = field(minute, "window", "minute, hour, day, week, month or a duration");
const limitOf = field(minute, "limit", "an integer from 1 to 999999999999999");
const rateOf = field(bucket, "rate", "units per second: above 0, up to 999999999, with at most 6");
const capacityOf = field(bucket, "capacity", "an integer from 1 to 999999999999999");
const typeOf = field(minute, "type", "a unit such as count or token: a letter, then up to 63");
const scopeOf = field(minute, "scope", "a scope such as user: a letter, then up to 63");
const nameOf = field(minute, "name", "1 to 1024 printable ASCII characters");

const slotsOf = field({ type: "concurrency" }, "limit", "slots: an integer from 1 to 10000");
const algorithmOf = field(minute, "algorithm", 'one of "fixed", "sliding", "sliding-log"');
const entriesOf = field(
  { ...minute, algorithm: "sliding-log" },
  "maxEntries",
  "charges to tell apart: an integer from 1 to 10000",
);
const alignOf = field(minute, "align", '"calendar", or nothing');
const daily = { type: "count", window: "day", limit: 60, align: "calendar" };
const zoneOf = field(daily, "timeZone", "an IANA time zone such as Europe/Berlin");

const limitRows: readonly Row[] = [
  windowOf("fortnight", "fortnight", 'string "fortnight"'),
  windowOf("0s", "0s", 'string "0s"'),
  windowOf("-5s", "-5s", 'string "-5s"'),
  windowOf("1.5h", "1.5h", 'string "1.5h"'),
  windowOf("4000d", "4000d", 'string "4000d"'),
  windowOf("empty", "", 'string ""'),
  windowOf("Minute", "Minute", 'string "Minute"'),
  windowOf("trailing blank", "minute ", 'string "minute "'),
  windowOf("exponent", "1e3s", 'string "1e3s"'),
  windowOf("digits that are not ASCII", "٣s", 'string "٣s"'),
  windowOf("constructor", "constructor", 'string "constructor"'),
  windowOf("a number", 60_000, "number 60000"),
  windowOf("null", null, "null"),
  options(
    "window missing",
    { limits: [without(minute, "window")] },
    "limits[0].window",
    "minute, hour, day",
    "got undefined",
  ),
  limitOf("0", 0, "number 0"),
  limitOf("-1", -1, "number -1"),
  limitOf("NaN", Number.NaN, "number NaN"),
  limitOf("1.5", 1.5, "number 1.5"),
  limitOf("'100'", "100", 'string "100"'),
  limitOf("Infinity", Number.POSITIVE_INFINITY, "number Infinity"),
  limitOf("1e300", 1e300, "number 1e+300"),
  limitOf("2^53", 2 ** 53, "number 9007199254740992"),
  limitOf("10^15", 1e15, "number 1000000000000000"),
  limitOf("a bigint", 100n, "a bigint"),
  limitOf("null", null, "null"),
  limitOf("a function", () => 100, "a function"),
  options(
    "limit missing",
    { limits: [without(minute, "limit")] },
    "limits[0].limit",
    "an integer from 1",
    "got undefined",
  ),
  rateOf("0", 0, "number 0"),
  rateOf("-2", -2, "number -2"),
  rateOf("NaN", Number.NaN, "number NaN"),
  rateOf("7 decimals", 0.1234567, "number 0.1234567"),
  rateOf("below a millionth", 1e-7, "number 1e-7"),
  rateOf("Infinity", Number.POSITIVE_INFINITY, "number Infinity"),
  rateOf("10^9", 1e9, "number 1000000000"),
  rateOf("'2'", "2", 'string "2"'),
  options(
    "rate missing",
    { limits: [without(bucket, "rate")] },
    "limits[0].rate",
    "units per second",
    "got undefined",
  ),
  capacityOf("0", 0, "number 0"),
  capacityOf("-5", -5, "number -5"),
  capacityOf("2.5", 2.5, "number 2.5"),
  capacityOf("NaN", Number.NaN, "number NaN"),
  capacityOf("'5'", "5", 'string "5"'),
  options(
    "capacity missing",
    { limits: [without(bucket, "capacity")] },
    "limits[0].capacity",
    "an integer from 1",
    "got undefined",
  ),
  options(
    "capacity too large for the rate's decimals",
    { limits: [{ ...bucket, rate: 0.000001, capacity: 9_007_200 }] },
    "limits[0].capacity",
    "at most 9007199 at this rate, or a rate with fewer decimals",
    "number 9007200",
  ),
  options(
    "capacity below one millisecond of the rate",
    { limits: [{ ...bucket, rate: 5000, capacity: 4 }] },
    "limits[0].capacity",
    "at least 5, one millisecond of the rate",
    "number 4",
  ),
  options(
    "window and rate together",
    { limits: [{ ...minute, rate: 2 }] },
    "limits[0]",
    "either window and limit, or rate and capacity",
    "an object",
  ),
  options(
    "neither window nor rate",
    { limits: [{ type: "count" }] },
    "limits[0]",
    "either window and limit, or rate and capacity",
    "an object",
  ),
  options(
    "limts on a limit",
    { limits: [{ ...minute, limts: 5 }] },
    "limits[0].limts",
    "only the options type, scope",
    "number 5",
  ),
  options(
    "scop on the second limit",
    { limits: [minute, { ...bucket, scop: "user" }] },
    "limits[1].scop",
    "only the options type, scope",
    'string "user"',
  ),
  options(
    "__proto__ on a limit",
    parsed(
      '{"limits":[{"type":"count","window":"minute","limit":6,"__proto__":{"suspended":true}}]}',
    ),
    "limits[0].__proto__",
    "only the options",
    "an object",
  ),
  options(
    "an empty key on a limit",
    { limits: [{ ...minute, "": 1 }] },
    'limits[0][""]',
    "only the options",
    "number 1",
  ),
  scopeOf("empty", "", 'string ""'),
  scopeOf("a b", "a b", 'string "a b"'),
  scopeOf("__proto__", "__proto__", 'string "__proto__"'),
  scopeOf("constructor", "constructor", 'string "constructor"'),
  scopeOf("65 characters", "s".repeat(65), "a string of 65 characters"),
  scopeOf("a number", 7, "number 7"),
  scopeOf("null, as YAML reads `scope:`", null, "null"),
  scopeOf("a digit first", "7up", 'string "7up"'),
  scopeOf("a colon", "a:b", 'string "a:b"'),
  typeOf("empty", "", 'string ""'),
  typeOf("a b", "a b", 'string "a b"'),
  typeOf("__proto__", "__proto__", 'string "__proto__"'),
  typeOf("hasOwnProperty", "hasOwnProperty", 'string "hasOwnProperty"'),
  typeOf("65 characters", "t".repeat(65), "a string of 65 characters"),
  typeOf("a list", ["count"], "an array of 1"),
  options(
    "window on concurrency",
    { limits: [{ ...minute, type: "concurrency" }] },
    "limits[0].window",
    "only the options type, scope",
    'string "minute"',
  ),
  slotsOf("no slots", 0, "number 0"),
  slotsOf("10001", 10_001, "number 10001"),
  slotsOf("2.5", 2.5, "number 2.5"),
  slotsOf("'5'", "5", 'string "5"'),
  slotsOf("missing", undefined, "got undefined"),
  algorithmOf("gcra", "gcra", 'string "gcra"'),
  algorithmOf("Sliding", "Sliding", 'string "Sliding"'),
  algorithmOf("null", null, "null"),
  entriesOf("0", 0, "number 0"),
  entriesOf("10001", 10_001, "number 10001"),
  entriesOf("'100'", "100", 'string "100"'),
  field(minute, "maxEntries", 'nothing without algorithm: "sliding-log"')(
    "on a fixed window",
    100,
    "number 100",
  ),
  options(
    "limit too large for a sliding window",
    { limits: [{ ...minute, window: "7ms", limit: 999_999_999_999_999, algorithm: "sliding" }] },
    "limits[0].limit",
    "at most 321685687669321 per sliding 7ms",
    "number 999999999999999",
  ),
  alignOf("epoch", "epoch", 'string "epoch"'),
  alignOf("true", true, "boolean true"),
  field({ ...minute, algorithm: "sliding" }, "align", "nothing beside algorithm sliding")(
    "calendar, sliding",
    "calendar",
    'string "calendar"',
  ),
  field(daily, "window", 'one of "hour", "day", "week", "month"')(
    "minute, on the calendar",
    "minute",
    'string "minute"',
  ),
  field(daily, "window", 'one of "hour", "day", "week", "month"')(
    "24h, on the calendar",
    "24h",
    'string "24h"',
  ),
  zoneOf("Mars/Olympus", "Mars/Olympus", 'string "Mars/Olympus"'),
  zoneOf("empty", "", 'string ""'),
  zoneOf("a number", 1, "number 1"),
  zoneOf("null", null, "null"),
  field(minute, "timeZone", 'nothing without align: "calendar"')(
    "on a window of its own",
    "Europe/Berlin",
    'string "Europe/Berlin"',
  ),
  field({ ...daily, window: "week" }, "weekStart", 'one of "sunday", "monday"')(
    "Monday",
    "Monday",
    'string "Monday"',
  ),
  field({ ...daily, window: "week" }, "weekStart", 'one of "sunday", "monday"')("1", 1, "number 1"),
  field(daily, "weekStart", "nothing, unless window is week")(
    "on a day",
    "monday",
    'string "monday"',
  ),
  field({ ...daily, window: "month" }, "monthStart", "an integer from 1 to 31")("0", 0, "number 0"),
  field({ ...daily, window: "month" }, "monthStart", "an integer from 1 to 31")(
    "32",
    32,
    "number 32",
  ),
  field(daily, "monthStart", "nothing, unless window is month")("on a day", 1, "number 1"),
  field(bucket, "algorithm", "only the options type, scope")(
    "on a bucket",
    "sliding",
    'string "sliding"',
  ),
  field(minute, "shadow", "one of true, false")("1", 1, "number 1"),
  field(minute, "shadow", "one of true, false")("'true'", "true", 'string "true"'),
  options(
    "type missing",
    { limits: [without(minute, "type")] },
    "limits[0].type",
    "a unit such as count",
    "got undefined",
  ),
  nameOf("empty", "", 'string ""'),
  nameOf("a line feed", "a\nb", String.raw`string "a\nb"`),
  nameOf("a line feed at the end", "a\n", String.raw`string "a\n"`),
  nameOf("é", "café", 'string "café"'),
  nameOf("an emoji", "🚀", 'string "🚀"'),
  nameOf("NUL", "a\0", String.raw`string "a\u0000"`),
  nameOf("DEL", "a\u007F", 'string "a'),
  nameOf("a lone surrogate", "\uD800", String.raw`string "\ud800"`),
  nameOf("1025 characters", "n".repeat(1025), "a string of 1025 characters"),
  nameOf("a number", 1, "number 1"),
  field({ ...minute, scope: "ip" }, "within", "null: scope ip is never within a tenant")(
    "tenant, at scope ip",
    "tenant",
    'string "tenant"',
  ),
  field({ ...minute, scope: "global" }, "within", "null: scope global is never within a tenant")(
    "tenant, at scope global",
    "tenant",
    'string "tenant"',
  ),
  field({ ...minute, scope: "user" }, "within", '"tenant" or null')(
    "user",
    "user",
    'string "user"',
  ),
  field({ ...minute, scope: "user" }, "within", '"tenant" or null')(
    "false",
    false,
    "boolean false",
  ),
  field(minute, "whenMissing", 'one of "reject", "shared"')("skip", "skip", 'string "skip"'),
  field(minute, "when", "a function")("'yes'", "yes", 'string "yes"'),
  field(minute, "debt", 'one of "carry", "forgive"')("never", "never", 'string "never"'),
  field(minute, "suspended", "one of true, false")("'true'", "true", 'string "true"'),
  field(minute, "advertise", "one of true, false")("1", 1, "number 1"),
];

const limiterRows: readonly Row[] = [
  options("no options", undefined, "options", "an object", "got undefined"),
  options("a list of limits instead of options", [minute], "options", "an object", "an array of 1"),
  options("no limits", {}, "limits", "an array of at least one limit", "got undefined"),
  options("limits: []", { limits: [] }, "limits", "at least one limit", "an array of 0"),
  options(
    "limits: [] although enabled is said",
    { enabled: true, limits: [] },
    "limits",
    "at least one limit",
    "an array of 0",
  ),
  options("limits: one object", { limits: minute }, "limits", "an array", "an object"),
  options("limits: null", { limits: null }, "limits", "an array", "got null"),
  options("limits: [null]", { limits: [null] }, "limits[0]", "a limit object", "got null"),
  options("limits: a hole", { limits: Array(1) }, "limits[0]", "a limit object", "got undefined"),
  options("limits: [[]]", { limits: [[]] }, "limits[0]", "a limit object", "an array of 0"),
  options(
    "a wrong limit although enabled is false",
    { enabled: false, limits: [{ ...minute, limit: -1 }] },
    "limits[0].limit",
    "an integer from 1",
    "number -1",
  ),
  options(
    "limts:",
    { limts: [minute] },
    "limts",
    "only the options limits, lookup, store, name, scope, enabled, allow, deny, thresholds",
    "an array of 1",
  ),
  options(
    "thresholds: 80",
    { limits: [minute], thresholds: 80 },
    "thresholds",
    "an array of percentages",
    "number 80",
  ),
  options(
    "thresholds: [0]",
    { limits: [minute], thresholds: [0] },
    "thresholds[0]",
    "a percentage above 0, up to 1000",
    "number 0",
  ),
  options(
    "thresholds: ['80%']",
    { limits: [minute], thresholds: [50, "80%"] },
    "thresholds[1]",
    "a percentage above 0, up to 1000",
    'string "80%"',
  ),
  options(
    "leaseMs: 0",
    { limits: [minute], leaseMs: 0 },
    "leaseMs",
    "milliseconds: an integer from 1 to 86400000",
    "number 0",
  ),
  options(
    "leaseMs: '5m'",
    { limits: [minute], leaseMs: "5m" },
    "leaseMs",
    "milliseconds: an integer from 1",
    'string "5m"',
  ),
  options(
    "allow: a list",
    { limits: [minute], allow: ["alice"] },
    "allow",
    "an object of lists by scope",
    "an array of 1",
  ),
  options(
    "allow: an id alone",
    { limits: [minute], allow: { user: "alice" } },
    "allow.user",
    "an array of ids",
    'string "alice"',
  ),
  options(
    "deny: an empty id",
    { limits: [minute], deny: { user: [""] } },
    "deny.user[0]",
    "an id, which is a non-empty string",
    'string ""',
  ),
  options(
    "deny: a scope with a blank",
    { limits: [minute], deny: { "a b": [] } },
    "deny.a b",
    "a scope such as user",
    'string "a b"',
  ),
  options(
    "deny: no address",
    { limits: [minute], deny: { ip: ["10.0.0.0/8", "10.0.0"] } },
    "deny.ip[1]",
    "an IP address or a range such as 10.0.0.0/8",
    'string "10.0.0"',
  ),
  options(
    "deny: too many bits",
    { limits: [minute], deny: { ip: ["10.0.0.0/33"] } },
    "deny.ip[0]",
    "an IP address or a range",
    'string "10.0.0.0/33"',
  ),
  options(
    "deny: a range of a range",
    { limits: [minute], deny: { ip: ["2001:db8::/32/8"] } },
    "deny.ip[0]",
    "an IP address or a range",
    'string "2001:db8::/32/8"',
  ),
  options(
    "deny: a number",
    { limits: [minute], deny: { ip: [7] } },
    "deny.ip[0]",
    "an IP address or a range",
    "number 7",
  ),
  options(
    "waiting: true",
    { limits: [minute], waiting: true },
    "waiting",
    "an object",
    "boolean true",
  ),
  options(
    "waiting.maxWait",
    { limits: [minute], waiting: { maxWait: 5 } },
    "waiting.maxWait",
    "only the options maxWaitMs, maxPerSubject",
    "number 5",
  ),
  options(
    "waiting.maxWaitMs: 0",
    { limits: [minute], waiting: { maxWaitMs: 0 } },
    "waiting.maxWaitMs",
    "milliseconds: an integer from 1 to 86400000",
    "number 0",
  ),
  options(
    "waiting.maxPerSubject: 0",
    { limits: [minute], waiting: { maxPerSubject: 0 } },
    "waiting.maxPerSubject",
    "calls: an integer from 1",
    "number 0",
  ),
  options(
    "waiting.maxWaiting: 1.5",
    { limits: [minute], waiting: { maxWaiting: 1.5 } },
    "waiting.maxWaiting",
    "calls: an integer from 1",
    "number 1.5",
  ),
  options(
    "waiting.recheckMs: 60001",
    { limits: [minute], waiting: { recheckMs: 60_001 } },
    "waiting.recheckMs",
    "milliseconds: an integer from 1 to 60000",
    "number 60001",
  ),
  options(
    "waiting.scheduler: {}",
    { limits: [minute], waiting: { scheduler: {} } },
    "waiting.scheduler",
    "a scheduler with now and after",
    "an object",
  ),
  options(
    "lookup beside a list of limits",
    { limits: [minute], lookup: {} },
    "lookup",
    "nothing unless limits is a function",
    "an object",
  ),
  options(
    "lookup: []",
    { limits: () => [minute], lookup: [] },
    "lookup",
    "an object",
    "an array of 0",
  ),
  options(
    "lookup.ttl",
    { limits: () => [minute], lookup: { ttl: 5 } },
    "lookup.ttl",
    "only the options key, maxEntries",
    "number 5",
  ),
  options(
    "lookup.maxEntries: 0",
    { limits: () => [minute], lookup: { maxEntries: 0 } },
    "lookup.maxEntries",
    "answers: an integer from 1",
    "number 0",
  ),
  options(
    "lookup.ttlMs: -1",
    { limits: () => [minute], lookup: { ttlMs: -1 } },
    "lookup.ttlMs",
    "milliseconds: an integer from 0",
    "number -1",
  ),
  options(
    "lookup.timeoutMs: 0",
    { limits: () => [minute], lookup: { timeoutMs: 0 } },
    "lookup.timeoutMs",
    "milliseconds: an integer from 1 to 60000",
    "number 0",
  ),
  options(
    "lookup.key: 'tenant'",
    { limits: () => [minute], lookup: { key: "tenant" } },
    "lookup.key",
    "a function",
    'string "tenant"',
  ),
  options(
    "lookup.unknown: 'admit'",
    { limits: () => [minute], lookup: { unknown: "admit" } },
    "lookup.unknown",
    "an array of limits, or an object",
    'string "admit"',
  ),
  options(
    "lookup.onFailure: 'admit'",
    { limits: () => [minute], lookup: { onFailure: "admit" } },
    "lookup.onFailure",
    "an array of limits, or an object",
    'string "admit"',
  ),
  options("an empty key", { limits: [minute], "": 1 }, '[""]', "only the options", "number 1"),
  options(
    "__proto__ as a key",
    parsed('{"limits":[],"__proto__":{"enabled":false}}'),
    "__proto__",
    "only the options",
    "an object",
  ),
  options(
    "two equal limits",
    { limits: [minute, bucket, { ...minute, limit: 5 }] },
    "limits[2]",
    "a limit unlike limits[0], with which it would share its usage; name one of them",
    'string "count-per-minute-caller"',
  ),
  options(
    "two equal limits that spell the window differently",
    { limits: [minute, { ...minute, window: "60s" }] },
    "limits[1]",
    "a limit unlike limits[0]",
    'string "count-per-60s-caller"',
  ),
  options(
    "two limits of one name",
    { limits: [{ ...minute, name: "calls" }, bucket, { ...bucket, type: "token", name: "calls" }] },
    "limits[2].name",
    "a name of its own; limits[0] has this one",
    'string "calls"',
  ),
  options(
    "a name that another limit derives",
    { limits: [minute, { ...bucket, name: "count-per-minute-caller" }] },
    "limits[1].name",
    "a name of its own; limits[0] has this one",
    'string "count-per-minute-caller"',
  ),
  options(
    "name of the limiter: empty",
    { limits: [minute], name: "" },
    "name",
    "a limiter's name: a letter",
    'string ""',
  ),
  options(
    "name: a colon",
    { limits: [minute], name: "a:b" },
    "name",
    "a limiter's name",
    'string "a:b"',
  ),
  options(
    "name: __proto__",
    { limits: [minute], name: "__proto__" },
    "name",
    "a limiter's name",
    'string "__proto__"',
  ),
  options("name: null", { limits: [minute], name: null }, "name", "a limiter's name", "got null"),
  options(
    "a name in use on this store",
    { limits: [minute], name: "compliant" },
    "name",
    "a name that no other limiter has on this store",
    'string "compliant"',
  ),
  options(
    "scope of the limiter: empty",
    { limits: [minute], scope: "" },
    "scope",
    "a scope such as user",
    'string ""',
  ),
  options(
    "scope: a list",
    { limits: [minute], scope: ["user"] },
    "scope",
    "a scope such as user",
    "an array of 1",
  ),
  options("store: {}", { limits: [minute], store: {} }, "store", "a store, such as", "an object"),
  options(
    "store: 'memory'",
    { limits: [minute], store: "memory" },
    "store",
    "a store, such as memoryStore()",
    'string "memory"',
  ),
  options(
    "store: memoryStore, uncalled",
    { limits: [minute], store: memoryStore },
    "store",
    "a store, such as memoryStore()",
    "a function",
  ),
  options(
    "enabled: 'no'",
    { limits: [minute], enabled: "no" },
    "enabled",
    "true or false",
    'string "no"',
  ),
  options("enabled: 0", { limits: [minute], enabled: 0 }, "enabled", "true or false", "number 0"),
  options("onEvent: 5", { limits: [minute], onEvent: 5 }, "onEvent", "a function", "number 5"),
  options(
    "onEvent: a list with a string",
    { limits: [minute], onEvent: [() => undefined, "log"] },
    "onEvent[1]",
    "a function",
    'string "log"',
  ),
];

const store = row("memoryStore");
const storeRows: readonly Row[] = [
  store("null", null, "memoryStore", "an options object", "got null"),
  store("a number", 1000, "memoryStore", "an options object", "number 1000"),
  store("maxKeys: 0", { maxKeys: 0 }, "memoryStore.maxKeys", "from 1 to 16000000", "number 0"),
  store("maxKeys: -1", { maxKeys: -1 }, "memoryStore.maxKeys", "an integer from 1", "number -1"),
  store("maxKeys: 1.5", { maxKeys: 1.5 }, "memoryStore.maxKeys", "an integer", "number 1.5"),
  store("maxKeys: NaN", { maxKeys: Number.NaN }, "memoryStore.maxKeys", "an integer", "number NaN"),
  store("maxKeys: '10'", { maxKeys: "10" }, "memoryStore.maxKeys", "an integer", 'string "10"'),
  store(
    "maxKeys: 16,000,001",
    { maxKeys: 16_000_001 },
    "memoryStore.maxKeys",
    "16000000",
    "16000001",
  ),
  store(
    "maxReservations: Infinity",
    { maxReservations: Number.POSITIVE_INFINITY },
    "memoryStore.maxReservations",
    "an integer from 1 to 16000000",
    "number Infinity",
  ),
  store(
    "maxkeys:",
    { maxkeys: 5 },
    "memoryStore.maxkeys",
    "only the options maxKeys, maxReservations, clock",
    "number 5",
  ),
  store("clock: a time", { clock: 5 }, "memoryStore.clock", "a function", "number 5"),
];

const override = row("override");
const overrideRows: readonly Row[] = [
  override("null", null, "override", "an object", "got null"),
  override(
    "a limit at the top",
    { calls: { limit: 5 } },
    "override.calls",
    "only the options limits, add",
    "an object",
  ),
  override(
    "limits: []",
    { limits: [] },
    "override.limits",
    "an object by limit name",
    "array of 0",
  ),
  override(
    "a limit that does not exist",
    { limits: { cals: { limit: 5 } } },
    "override.limits.cals",
    "one of calls, burst",
    "an object",
  ),
  override(
    "__proto__ as a limit",
    parsed('{"limits":{"__proto__":{"limit":5}}}'),
    "override.limits.__proto__",
    "one of calls, burst",
    "an object",
  ),
  override(
    "a number instead of an object",
    { limits: { calls: 5 } },
    "override.limits.calls",
    "an object",
    "number 5",
  ),
  override(
    "limit: NaN",
    { limits: { calls: { limit: Number.NaN } } },
    "override.limits.calls.limit",
    "an integer from 1",
    "number NaN",
  ),
  override(
    "limit: '100'",
    { limits: { calls: { limit: "100" } } },
    "override.limits.calls.limit",
    "an integer from 1",
    'string "100"',
  ),
  override(
    "limit: 0",
    { limits: { calls: { limit: 0 } } },
    "override.limits.calls.limit",
    "an integer from 1",
    "number 0",
  ),
  override(
    "a rate for a window",
    { limits: { calls: { rate: 2 } } },
    "override.limits.calls.rate",
    "only the options limit, skip",
    "number 2",
  ),
  override(
    "rate: 0",
    { limits: { burst: { rate: 0 } } },
    "override.limits.burst.rate",
    "units per second",
    "number 0",
  ),
  override(
    "nothing that changes",
    { limits: { burst: {} } },
    "override.limits.burst",
    "rate or capacity, or skip",
    "an object",
  ),
  override(
    "skip: 'yes'",
    { limits: { calls: { skip: "yes" } } },
    "override.limits.calls.skip",
    "true",
    'string "yes"',
  ),
  override("add: a limit", { add: minute }, "override.add", "an array of limits", "an object"),
  override("add: a hole", { add: Array(1) }, "override.add[0]", "a limit object", "got undefined"),
  override(
    "an added limit without a name",
    { add: [{ ...minute, window: "day" }] },
    "override.add[0].name",
    "a name, since the limit is added to others",
    "got undefined",
  ),
  override(
    "an added limit with a name that is taken",
    { limits: { burst: { skip: true } }, add: [{ ...minute, window: "day", name: "calls" }] },
    "override.add[0].name",
    "a name of its own; limits[0] has this one",
    'string "calls"',
  ),
];

const gate = row("createGate");
const header = (what: string, value: unknown, path: string, expected: string, got: string): Row =>
  gate(`headers ${what}`, { limits: [minute], headers: value }, path, expected, got);
const gateField = (name: string, what: string, value: unknown, expected: string, got: string) =>
  gate(`${name}: ${what}`, { limits: [minute], [name]: value }, name, expected, got);

const tokens = { type: "token", window: "day", limit: 1000 };
const elsewhere = createLimiter({ limits: [{ type: "count", window: "minute", limit: 60 }] });

const llm = (what: string, value: unknown, path: string, expected: string, got: string): Row =>
  gate(`llm ${what}`, { limits: [tokens], llm: value }, path, expected, got);

const pricesOf = (prices: unknown) => ({ cost: { usd: { prices } } });

const llmRows: readonly Row[] = [
  llm("true", true, "llm", "an object", "boolean true"),
  llm("null", null, "llm", "an object", "got null"),
  llm("with a typing slip", { onAborted: "refund" }, "llm.onAborted", "only the options", "refund"),
  llm("hard: 'yes'", { hard: "yes" }, "llm.hard", "true or false", 'string "yes"'),
  llm("onAbort: 'free'", { onAbort: "free" }, "llm.onAbort", "emitted, reserved, refund", "free"),
  llm("onFailure: null", { onFailure: null }, "llm.onFailure", "emitted, reserved", "got null"),
  llm(
    "partialGrant of nothing",
    { partialGrant: { minOutputTokens: 0 } },
    "llm.partialGrant.minOutputTokens",
    "a positive integer",
    "number 0",
  ),
  llm("partialGrant: 5", { partialGrant: 5 }, "llm.partialGrant", "true, false or {", "number 5"),
  llm(
    "outputGuess.quantile in percent",
    { outputGuess: { quantile: 99 } },
    "llm.outputGuess.quantile",
    "a number from 0.5 to 0.999",
    "number 99",
  ),
  llm(
    "outputGuess.fraction: 0",
    { outputGuess: { fraction: 0 } },
    "llm.outputGuess.fraction",
    "a number above 0, up to 1",
    "number 0",
  ),
  llm("models: a list", { models: ["a"] }, "llm.models", "an object of model names", "an array"),
  llm(
    "multipliers: -1",
    { multipliers: { "gpt-4o": -1 } },
    "llm.multipliers.gpt-4o",
    "a number above 0, up to 100",
    "number -1",
  ),
  llm("tokenizer: a name", { tokenizer: "o200k" }, "llm.tokenizer", "a function", "o200k"),
  llm("media: half a token", { media: { image: 0.5 } }, "llm.media.image", "integer", "number 0.5"),
  llm(
    "unknownBodyTokens: NaN",
    { unknownBodyTokens: Number.NaN },
    "llm.unknownBodyTokens",
    "a non-negative integer",
    "number NaN",
  ),
  llm(
    "cost: a negative price",
    pricesOf({ "gpt-5": { input: -1, output: 1 } }),
    "llm.cost.usd.prices.gpt-5.input",
    "not negative",
    "number -1",
  ),
  llm("cost: no price", pricesOf({}), "llm.cost.usd.prices", "at least one", "an object"),
  llm("cost of requests", { cost: { count: {} } }, "llm.cost.count", "a type that tokens", "count"),
];

const gateRows: readonly Row[] = [
  gate("no options", undefined, "options", "an object", "got undefined"),
  gate("an unknown option", { limits: [minute], limts: [] }, "limts", "only the options", "array"),
  gate("limits: []", { limits: [] }, "limits", "at least one limit", "an array of 0"),
  gate("limits: null", { limits: null }, "limits", "at least one limit", "got null"),
  gate(
    "onRefused: 'queue'",
    { limits: [minute], onRefused: "queue" },
    "onRefused",
    '"wait" or a function',
    'string "queue"',
  ),
  gate(
    "maxWaitMs without waiting",
    { limits: [minute], maxWaitMs: 5 },
    "maxWaitMs",
    'nothing without onRefused: "wait"',
    "number 5",
  ),
  gate(
    "maxWaitMs: 0",
    { limits: [minute], onRefused: "wait", maxWaitMs: 0 },
    "maxWaitMs",
    "milliseconds: an integer from 1",
    "number 0",
  ),
  gate(
    "priority without waiting",
    { limits: [minute], priority: () => 1 },
    "priority",
    'nothing without onRefused: "wait"',
    "a function",
  ),
  gate(
    "priority: 1",
    { limits: [minute], onRefused: "wait", priority: 1 },
    "priority",
    "a function",
    "number 1",
  ),
  gate(
    "slowDown: true",
    { limits: [minute], slowDown: true },
    "slowDown",
    "an object",
    "boolean true",
  ),
  gate(
    "slowDown.above: 100",
    { limits: [minute], slowDown: { above: 100 } },
    "slowDown.above",
    "a percentage from 0 to below 100",
    "number 100",
  ),
  gate(
    "slowDown.maxDelayMs: 60001",
    { limits: [minute], slowDown: { maxDelayMs: 60_001 } },
    "slowDown.maxDelayMs",
    "milliseconds: an integer from 1 to 60000",
    "number 60001",
  ),
  gate(
    "slowDown.delay",
    { limits: [minute], slowDown: { delay: 1 } },
    "slowDown.delay",
    "only the options above, maxDelayMs",
    "number 1",
  ),
  gate(
    "countWhen: 'ok'",
    { limits: [minute], countWhen: "ok" },
    "countWhen",
    "a function, or one of always, reached",
    'string "ok"',
  ),
  header("of unknown format", "ietf-12", "headers", "one of ietf, draft-7", 'string "ietf-12"'),
  header(
    "of two generations",
    ["ietf", "draft-6"],
    "headers",
    "at most one of ietf, draft-7 and draft-6, which share names",
    "an array of 2",
  ),
  header(
    "of unknown format, in a list",
    { formats: ["ietf", "x"] },
    "headers.formats[1]",
    "one of ietf",
    'string "x"',
  ),
  header("with a hole", Array(1), "headers[0]", "one of ietf", "got undefined"),
  header("true", true, "headers", "false, a format, a list of formats or an object", "true"),
  header("null", null, "headers", "false, a format, a list of formats or an object", "null"),
  header("formats: null", { formats: null }, "headers.formats", "one of ietf", "got null"),
  header("format:", { format: "ietf" }, "headers.format", "only the options formats", "ietf"),
  header(
    "cap 0",
    { maxRetryAfterSeconds: 0 },
    "headers.maxRetryAfterSeconds",
    "an integer from 1 to 2147483",
    "number 0",
  ),
  header(
    "cap 2147484",
    { maxRetryAfterSeconds: 2_147_484 },
    "headers.maxRetryAfterSeconds",
    "an integer from 1 to 2147483",
    "number 2147484",
  ),
  header(
    "emit",
    { emit: "sometimes" },
    "headers.emit",
    "one of always, denied, never",
    'string "sometimes"',
  ),
  header("reset", { reset: "unix" }, "headers.reset", "one of epoch, delta", 'string "unix"'),
  header("expose", { expose: "no" }, "headers.expose", "one of true, false", 'string "no"'),
  header("units, a list", { units: ["x"] }, "headers.units", "an object of names", "an array of 1"),
  header(
    "units with a line feed",
    { units: { count: "calls\r\nSet-Cookie: a=b" } },
    "headers.units.count",
    "printable ASCII",
    String.raw`string "calls\r\nSet-Cookie: a=b"`,
  ),
  gateField("identify", "a header's name", "x-user", "a function", 'string "x-user"'),
  gateField("clientAddress", "an address", "127.0.0.1", "a function", 'string "127.0.0.1"'),
  gateField("cost", "a number", 5, "a function", "number 5"),
  gateField("skip", "true", true, "a function", "boolean true"),
  gateField("onRefused", "null", null, "a function", "got null"),
  gateField("ipv6Prefix", "31", 31, "an integer from 32 to 128", "number 31"),
  gateField("ipv6Prefix", "129", 129, "an integer from 32 to 128", "number 129"),
  gateField("ipv6Prefix", "56.5", 56.5, "an integer from 32 to 128", "number 56.5"),
  gateField("ipv6Prefix", "'/56'", "/56", "an integer from 32 to 128", 'string "/56"'),
  gateField("impossibleStatus", "400", 400, "429 or 413", "number 400"),
  gateField("impossibleStatus", "'413'", "413", "429 or 413", 'string "413"'),
  gateField("skipPreflights", "'no'", "no", "true or false", 'string "no"'),
  gateField(
    "dialect",
    "of a provider without one",
    "gemini",
    "one of auto, ietf, openai",
    "gemini",
  ),
  gateField("dialect", "null", null, "one of auto, ietf, openai", "got null"),
  gateField("longWaitStatus", "503", 503, "one of 429, 403, 402", "number 503"),
  gateField("longWaitStatus", "'403'", "403", "one of 429, 403, 402", 'string "403"'),
  gate(
    "cost missing for a unit of one's own",
    { limits: [minute, { type: "image", window: "day", limit: 1000 }] },
    "cost",
    'a function telling what a call costs in image, which limit "image-per-day-caller" meters',
    "got undefined",
  ),
  ...llmRows,
  gate(
    "limiter: its options",
    { limiter: { limits: [minute] } },
    "limiter",
    "a limiter from createLimiter()",
    "an object",
  ),
  gate(
    "limiter: something like one, which would admit everything",
    { limiter: { checkAndRecord: () => undefined, limits: [] } },
    "limiter",
    "a limiter from createLimiter()",
    "an object",
  ),
  gate("limiter: null", { limiter: null }, "limiter", "a limiter from", "got null"),
  gate(
    "limiter beside limits",
    { limiter: elsewhere, limits: [minute] },
    "limits",
    "nothing beside limiter",
    "an array of 1",
  ),
  gate(
    "limiter beside enabled",
    { limiter: elsewhere, enabled: true },
    "enabled",
    "nothing beside limiter",
    "boolean true",
  ),
];

const route = row("forRoute");
const routeRows: readonly Row[] = [
  route("null", null, "route", "an object", "got null"),
  route(
    "an option of the whole gate",
    { identify: () => "a" },
    "route.identify",
    "only the options limits, add, cost, countWhen, skip",
    "a function",
  ),
  route(
    "countWhen: 'error'",
    { countWhen: "error" },
    "route.countWhen",
    "a function, or one of always, reached, succeeded, failed",
    'string "error"',
  ),
  route("skip: true", { skip: true }, "route.skip", "a function", "boolean true"),
  route("cost: 3", { cost: 3 }, "route.cost", "a function", "number 3"),
  route(
    "a limit that does not exist",
    { limits: { cals: { skip: true } } },
    "override.limits.cals",
    "one of calls, burst",
    "an object",
  ),
  route(
    "an added limit on a unit of one's own without a cost",
    { add: [{ type: "image", window: "day", limit: 5, name: "pictures" }] },
    "cost",
    'a function telling what a call costs in image, which limit "pictures" meters',
    "got undefined",
  ),
  route("of an unknown dialect", { dialect: "gemini" }, "route.dialect", "one of auto", "gemini"),
  route("llm: true", { llm: true }, "route.llm", "an object", "boolean true"),
  route(
    "llm with what is the limiter's",
    { llm: { cost: {} } },
    "route.llm.cost",
    "only the options hard, partialGrant, onAbort, onFailure",
    "an object",
  ),
  route("llm.hard: 1", { llm: { hard: 1 } }, "route.llm.hard", "true or false", "number 1"),
];

const rows: readonly Row[] = [
  ...limitRows,
  ...limiterRows,
  ...storeRows,
  ...overrideRows,
  ...gateRows,
  ...routeRows,
];

/** Calls in the way JavaScript does, whatever the types say. */
const call = (fn: (...given: never[]) => unknown, given: unknown): unknown =>
  Reflect.apply(fn, undefined, given === undefined ? [] : [given]);

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function configErrorOf(run: () => unknown): TollgateError {
  const error = thrownBy(run);
  if (isTollgateError(error)) return error;
  throw new Error("expected a TollgateError", { cause: error });
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A store with a limiter whose usage nobody else may touch, and a name that nobody has yet. */
function world() {
  const clock = manualClock();
  const shared = memoryStore({ clock: clock.now });
  const compliant = createLimiter({
    name: "compliant",
    store: shared,
    limits: [
      { type: "count", window: "hour", limit: 1000, name: "calls" },
      { type: "count", rate: 0.7, capacity: 1000, name: "burst" },
    ],
  });
  const compliantGate = createGate({ limiter: compliant });
  // Each attempt is made on the shared store and under the same name, unless it brings its own.
  const attempt = ({ by, given }: Row): unknown => {
    const own = by === "createLimiter" || by === "createGate";
    const placed =
      own && isFields(given) && !("limiter" in given)
        ? { store: shared, name: "attempted", ...given }
        : given;
    const builders = {
      createLimiter: () => call(createLimiter, placed),
      createGate: () => call(createGate, placed),
      override: () => call(compliant.override, placed),
      forRoute: () => call(compliantGate.forRoute, placed),
      memoryStore: () => call(memoryStore, placed),
    };
    return builders[by]();
  };
  return { clock, shared, compliant, attempt };
}

const correct = { type: "count", window: "minute", limit: 60 } as const;

// The rows as people read them; written anew with TOLLGATE_WRITE_TABLES=1, then formatted.
const page = join(__dirname, "../../../test/bad-input.md");
const ascii = (text: string): string =>
  text.replaceAll(
    /[^\x20-\x7e]/gu,
    (character) => `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`,
  );
const code = (text: string): string => `\`${ascii(text)}\``;
const table = [
  "| by | what | path | expected | got |",
  "| - | - | - | - | - |",
  ...rows.map(({ by, what, path, expected, got }) => {
    const words = ascii(what).replaceAll(/__\w+__/g, "`$&`");
    return `| ${[code(by), words, code(path), code(expected), code(got)].join(" | ")} |`;
  }),
].join("\n");
const section = /(?<=<!-- configurations -->\n\n)[^]*?(?=\n\n<!-- end -->)/;
const flat = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");

test("test/bad-input.md shows the wrong configurations as they are here", () => {
  if (process.env["TOLLGATE_WRITE_TABLES"] === "1") {
    writeFileSync(
      page,
      readFileSync(page, "utf8").replace(section, () => table),
    );
  }
  const [shown = ""] = section.exec(readFileSync(page, "utf8")) ?? [];
  expect(flat(shown)).toBe(flat(table));
});

describe("a wrong configuration", () => {
  const { shared, compliant, attempt } = world();
  let calls = 0;

  test.each(rows)("by $by is refused: $what", (given) => {
    const error = configErrorOf(() => attempt(given));
    expect(error.code).toBe("INVALID_CONFIG");
    expect(error.path).toBe(given.path);
    expect(error.message).toContain(`${given.path}: expected `);
    expect(error.message).toContain(given.expected);
    expect(error.message.slice(error.message.lastIndexOf(", got "))).toContain(given.got);
    expect(error.message.length).toBeLessThan(400);

    // Nothing stays claimed: the name can be had by whoever corrects the mistake.
    const corrected = createLimiter({ limits: [correct], store: shared, name: "attempted" });
    expect(corrected.checkAndRecord(given.what).usages[0]?.remaining).toBe(59);
    corrected.reset(given.what);
    corrected.close();

    // And the limiter that was there before goes on counting from where it was.
    calls += 1;
    const { allowed, usages } = compliant.checkAndRecord("alice");
    expect(allowed).toBe(true);
    expect(usages.map(({ current }) => current)).toEqual([calls, calls]);
    expect(shared.stats().keys).toBe(1);
  });

  test("is tried in at least sixty ways, no two of them alike", () => {
    expect(rows.length).toBeGreaterThanOrEqual(60);
    expect(new Set(rows.map(({ by, what }) => `${by} ${what}`)).size).toBe(rows.length);
  });
});

const right: readonly (readonly [what: string, limit: LimitInput, max: number, ms: number])[] = [
  ["the shortest window", { type: "count", window: "1ms", limit: 1 }, 1, 1],
  ["the longest window", { type: "count", window: "3650d", limit: 1 }, 1, 315_360_000_000],
  ["a month", { type: "count", window: "month", limit: 1 }, 1, 2_592_000_000],
  ["leading zeros", { type: "count", window: "007s", limit: 1 }, 1, 7000],
  ["the largest limit", { type: "count", window: "day", limit: 1e15 - 1 }, 1e15 - 1, 86_400_000],
  ["the smallest bucket", { type: "count", rate: 0.000001, capacity: 1 }, 1, 1e9],
  [
    "the largest bucket at six decimals",
    { type: "count", rate: 0.000001, capacity: 9_007_199 },
    9_007_199,
    9_007_199_000_000_000,
  ],
  ["one millisecond of the rate", { type: "count", rate: 5000, capacity: 5 }, 5, 1],
  ["a rate that binary cannot hold", { type: "count", rate: 33.3, capacity: 333 }, 333, 10_000],
  [
    "the largest rate",
    { type: "count", rate: 999_999_999, capacity: 1e12 },
    1_000_000_000_000,
    1_000_001,
  ],
  ["a type of 64 characters", { ...correct, type: "t".repeat(64), name: "t" }, 60, 60_000],
  ["a scope of 64 characters", { ...correct, scope: "s".repeat(64) }, 60, 60_000],
  ["a name of 1024 characters", { ...correct, name: "n".repeat(1024) }, 60, 60_000],
  ["a name of blanks and quotes", { ...correct, name: ' "a\\b" ' }, 60, 60_000],
  ["a name that objects have", { ...correct, name: "__proto__" }, 60, 60_000],
  ["a user across tenants", { ...correct, scope: "user", within: null }, 60, 60_000],
  ["an ip, said to be in no tenant", { ...correct, scope: "ip", within: null }, 60, 60_000],
  ["an own scope within its tenant", { ...correct, scope: "team", within: "tenant" }, 60, 60_000],
];

describe("a configuration at the edge of what is right", () => {
  test.each(right)("is accepted and decides in safe integers: %s", (_, limit, max, windowMs) => {
    const store = memoryStore({ clock: manualClock().now });
    const limiter = createLimiter({ limits: [limit], store });
    expect(limiter.limits).toMatchObject([{ max, windowMs }]);
    const { scope, type } = limiter.limits[0] ?? { scope: "caller", type: "count" };
    const spent = limiter.checkAndRecord({ [scope]: "a" }, { [type]: max });
    expect(spent.allowed).toBe(true);
    const refused = limiter.check({ [scope]: "a" }, { [type]: max });
    expect([spent, refused].flatMap(({ usages }) => usages)).toHaveLength(2);
    for (const { current, resetsAtMs } of refused.usages) {
      expect(Number.isSafeInteger(current)).toBe(true);
      expect(Number.isSafeInteger(resetsAtMs)).toBe(true);
    }
    expect(refused.outcome).toBe("refused");
  });

  test("needs no limits when it is disabled", () => {
    expect(createLimiter({ enabled: false }).checkAndRecord("alice").allowed).toBe(true);
    expect(createLimiter({ enabled: false, limits: [correct] }).limits).toHaveLength(1);
  });

  test("of a gate is accepted", () => {
    const given = [
      { headers: false },
      { headers: "draft-6" },
      { headers: ["draft-7", "x-ratelimit"] },
      { headers: { maxRetryAfterSeconds: 1 } },
      { headers: { maxRetryAfterSeconds: 2_147_483 } },
      { ipv6Prefix: 32 },
      { ipv6Prefix: 128 },
      { impossibleStatus: 413 },
      { skipPreflights: false },
    ] as const;
    for (const more of given) {
      expect(createGate({ limits: [correct], ...more }).limiter.limits).toHaveLength(1);
    }
  });

  test("of a store is accepted", () => {
    expect(memoryStore({ maxKeys: 1, maxReservations: 16_000_000 }).stats().keys).toBe(0);
  });

  // Seen: rates such as 33.3 came back from their fraction with a digit too many.
  test("keeps its rate to the last digit when only the capacity is overridden", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999_999 }), (millionths) => {
        const rate = millionths / 1e6;
        const capacity = Math.ceil(rate / 1000);
        const limiter = createLimiter({ limits: [{ type: "count", rate, capacity, name: "b" }] });
        const [before] = limiter.limits;
        const [after] = limiter.override({ limits: { b: { capacity: capacity + 1 } } }).limits;
        expect([after?.refill, after?.scale]).toEqual([before?.refill, before?.scale]);
        limiter.close();
      }),
    );
  });
});

const tiny = () =>
  createLimiter({ limits: [{ type: "count", window: "hour", limit: 1, name: "calls" }] });

describe("known defects", () => {
  const subjects = ["alice"] as const;

  test.each([
    ["NaN", Number.NaN],
    ["undefined", undefined],
    ["'100'", "100"],
    ["-1", -1],
    ["0", 0],
  ])("D-CFG-01 a computed limit of %s is an error, never unlimited", (_, computed) => {
    const limiter = tiny();
    const error = configErrorOf(() =>
      call(limiter.override, { limits: { calls: { limit: computed } } }),
    );
    expect(error).toMatchObject({ code: "INVALID_CONFIG", path: "override.limits.calls.limit" });
    expect(limiter.checkAndRecord("unknown tenant").allowed).toBe(true);
    expect(limiter.checkAndRecord("unknown tenant").allowed).toBe(false);
  });

  test("D-CFG-02 a rule that can never apply is refused, with its path", () => {
    const never = rows.filter(({ expected }) => /^only the options|^one of calls/.test(expected));
    expect(never.length).toBeGreaterThanOrEqual(12);
    for (const given of never) {
      expect(configErrorOf(() => world().attempt(given)).path).toBe(given.path);
    }
  });

  test.each([
    ["rate 0", { ...bucket, rate: 0 }],
    ["rate -1", { ...bucket, rate: -1 }],
    ["rate NaN", { ...bucket, rate: Number.NaN }],
    ["capacity 0", { ...bucket, capacity: 0 }],
    ["window fortnight", { ...minute, window: "fortnight" }],
  ])("D-CFG-03 nonsense is an error, not a default: %s", (_, limit) => {
    const error = configErrorOf(() => call(createLimiter, { limits: [limit] }));
    expect(error.code).toBe("INVALID_CONFIG");
  });

  test("D-CFG-03 an enabled limiter without limits is an error", () => {
    expect(configErrorOf(() => createLimiter({ limits: [] })).path).toBe("limits");
  });

  test("D-CFG-04 two limits that would share a cell are an error; named, each charges once", () => {
    const twice = [correct, { ...correct, limit: 5 }];
    expect(configErrorOf(() => createLimiter({ limits: twice })).path).toBe("limits[1]");
    const named = createLimiter({ limits: [correct, { ...correct, limit: 5, name: "soft" }] });
    const { usages } = named.checkAndRecord("alice");
    expect(usages.map(({ current }) => current)).toEqual([1, 1]);
  });

  // Through a class, an accessor is read although nothing lists it.
  class Refund {
    get token(): number {
      return -5;
    }
  }

  const costs: readonly (readonly [what: string, cost: unknown, says: string])[] = [
    ["0.4", { token: 0.4 }, "cost.token: expected a non-negative safe integer, got number 0.4"],
    ["-1", { token: -1 }, "cost.token: expected a non-negative safe integer, got number -1"],
    ["NaN", { token: Number.NaN }, "cost.token: expected a non-negative safe integer, got number"],
    ["2^53", { token: 2 ** 53 }, "cost.token: expected a non-negative safe integer, got number"],
    ["Infinity", { token: Number.POSITIVE_INFINITY }, "cost.token: expected a non-negative safe"],
    ["'5'", { token: "5" }, 'cost.token: expected a non-negative safe integer, got string "5"'],
    ["undefined", { token: undefined }, "cost.token: expected a non-negative safe integer, got un"],
    ["a typing slip", { tokens: 5 }, "cost.tokens: expected a type that a limit meters (token)"],
    ["__proto__", parsed('{"__proto__":5}'), "cost.__proto__: expected a type that a limit meters"],
    ["a number", 5, "cost: expected an object of amounts by type, got number 5"],
    ["null", null, "cost: expected an object of amounts by type, got null"],
    ["a list", [5], "cost: expected an object of amounts by type, got an array of 1"],
    [
      "an accessor",
      new Refund(),
      "cost.token: expected a non-negative safe integer, got number -5",
    ],
  ];

  test.each(costs)(
    "D-CFG-05 every method refuses a cost of %s, and charges nothing",
    (_, cost, says) => {
      const limiter = createLimiter({ limits: [{ type: "token", window: "hour", limit: 100 }] });
      const { reservation } = limiter.reserve("alice", { token: 10 });
      const id = reservation?.id ?? "";
      const methods = [limiter.check, limiter.record, limiter.checkAndRecord, limiter.reserve];
      const attempts = [
        ...methods.map((method) => () => Reflect.apply(method, undefined, [...subjects, cost])),
        () => Reflect.apply(limiter.settle, undefined, [id, cost]),
      ];
      for (const attempt of attempts) {
        const error = configErrorOf(attempt);
        expect(error.code).toBe("INVALID_COST");
        expect(error.message).toContain(says);
      }
      expect(limiter.usage("alice")).toMatchObject([{ current: 10, held: 10 }]);
      expect(limiter.settle(id, { token: 4 }).applied).toBe(true);
      expect(limiter.usage("alice")).toMatchObject([{ current: 4, held: 0 }]);
    },
  );
});

const holds = (build: (given: unknown) => unknown) => (given: unknown) => {
  const error = thrownBy(() => build(given));
  if (error === undefined) return;
  if (!isTollgateError(error)) throw new Error("expected a TollgateError", { cause: error });
  expect(error.code).toBe("INVALID_CONFIG");
  expect(error.path ?? "").not.toBe("");
  expect(error.message.startsWith(`${error.path ?? ""}: expected `)).toBe(true);
};

describe("any configuration at all", () => {
  // Names that are read, so that the junk does not stop at the first unknown key.
  const known = [
    "limits", "name", "scope", "enabled", "onEvent", "store",
    "limiter", "identify", "cost", "headers", "ipv6Prefix", "impossibleStatus", "llm",
    "dialect", "longWaitStatus", "lookup", "allow", "deny", "thresholds", "leaseMs", "waiting",
    "onRefused", "maxWaitMs", "priority", "slowDown", "countWhen",
  ]; // prettier-ignore
  const limitKeys = [
    "type", "window", "limit", "rate", "capacity", "scope", "name", "within", "whenMissing",
    "when", "debt", "suspended", "advertise", "shadow", "algorithm", "align", "timeZone",
    "weekStart", "monthStart", "maxEntries", "__proto__",
  ]; // prettier-ignore
  const junk = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withTypedArray: true,
    stringUnit: "binary",
    maxDepth: 2,
  });
  const nearly = fc.oneof(
    junk,
    fc.constantFrom("count", "user", "minute", "10s", "tenant", "shared", "forgive", "ietf"),
    fc.constantFrom("concurrency", "calendar", "sliding", "sliding-log", "UTC", "wait"),
    fc.constantFrom(1, 5, 60, true, false, null, undefined),
    fc.double(),
    fc.constant(() => undefined),
  );
  const junkLimit = fc.dictionary(fc.constantFrom(...limitKeys), nearly);
  const wholeLimit = junkLimit.map((fields) => ({ ...minute, ...fields }));
  const junkLimits = fc.oneof(nearly, fc.array(fc.oneof(junkLimit, wholeLimit, junk)));
  const junkOptions = fc.oneof(
    junk,
    fc
      .tuple(fc.dictionary(fc.constantFrom(...known), nearly), junkLimits)
      .map(([fields, limits]) => ({ ...fields, limits })),
  );

  test.each([
    ["createLimiter", createLimiter],
    ["createGate", createGate],
    ["memoryStore", memoryStore],
  ])("either makes %s or is an INVALID_CONFIG that names its place", (_, build) => {
    const check = holds((given) => call(build, given));
    fc.assert(fc.property(junkOptions, check), { numRuns: 1000 });
  });

  test("of a limiter or gate that cannot be made leaves its name free", () => {
    fc.assert(
      fc.property(junkOptions, fc.constantFrom(createLimiter, createGate), (given, build) => {
        // One of its own, since what can be made keeps the name.
        const shared = memoryStore();
        const placed = isFields(given) ? { ...given, store: shared, name: "attempted" } : given;
        const error = thrownBy(() => call(build, placed));
        // Made, so it has the name.
        if (error === undefined && isFields(placed)) return;
        const corrected = createLimiter({ limits: [correct], store: shared, name: "attempted" });
        expect(corrected.name).toBe("attempted");
        corrected.close();
      }),
      { numRuns: 500 },
    );
  });

  test("of an override or route either works or is an INVALID_CONFIG that names its place", () => {
    const { compliant } = world();
    const compliantGate = createGate({ limiter: compliant });
    const changes = fc.dictionary(
      fc.constantFrom("calls", "burst", "__proto__"),
      fc.oneof(nearly, fc.dictionary(fc.constantFrom("limit", "rate", "capacity", "skip"), nearly)),
    );
    const overrides = fc.oneof(
      junk,
      fc.record({ limits: fc.oneof(changes, nearly), add: junkLimits }, { requiredKeys: [] }),
    );
    const check = holds((given) => [
      call(compliant.override, given),
      call(compliantGate.forRoute, given),
    ]);
    fc.assert(fc.property(overrides, check), { numRuns: 2000 });
  });
});
