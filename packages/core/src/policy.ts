import type { RecordRule } from "./algorithms/record.ts";
import { configError } from "./errors.ts";
import { identityOf } from "./keys.ts";
import type { Subject } from "./subject.ts";
import { type WindowDuration, type WindowName, windowMsOf } from "./window.ts";

/** What every limit may say, whatever its rule. */
interface LimitOptions {
  /** The unit it meters: `count` (requests), `token`, or any name of yours. */
  readonly type: string;
  /**
   * Whose usage is added up: `tenant`, `user`, `session`, `ip`, `global`, `caller` or any name.
   * @default the limiter's `scope`, which is `caller`
   */
  readonly scope?: string;
  /**
   * Unique among the limits of a limiter; shown in headers, errors and events.
   * @default `<type>-per-<window>-<scope>`, or `<type>-bucket-<scope>`
   */
  readonly name?: string;
  /**
   * `null` takes the scope out of its tenant: one user id is then one user across all tenants.
   * @default 'tenant' for `user`, `session` and custom scopes
   */
  readonly within?: "tenant" | null;
  /**
   * When the subject has no id for the scope: `reject` is a `MISSING_SCOPE` error, `shared` counts
   * all such calls together.
   * @default 'reject'
   */
  readonly whenMissing?: "reject" | "shared";
  /** The limit applies only to subjects for which this returns true. @default every subject */
  readonly when?: (subject: Subject) => boolean;
  /** `forgive` ends an overrun with its window. @default 'carry' */
  readonly debt?: "carry" | "forgive";
  /** Refuses every cost, without a time to retry. @default false */
  readonly suspended?: boolean;
  /** Whether HTTP headers show the limit. @default true, but false for scope `global` */
  readonly advertise?: boolean;
}

/** At most `limit` units per `window`, which opens at a subject's first charge. */
export interface WindowLimitInput extends LimitOptions {
  readonly window: WindowName | WindowDuration;
  /** Units per window: a positive integer below 10^15. */
  readonly limit: number;
}

/** A token bucket: starts full at `capacity` and refills at `rate` per second. */
export interface BucketLimitInput extends LimitOptions {
  /** Units per second, with up to six decimals. */
  readonly rate: number;
  /** The largest burst: a positive integer below 10^15. */
  readonly capacity: number;
}

/** One limit as it is written in a configuration. */
export type LimitInput = WindowLimitInput | BucketLimitInput;

/** One limit, checked and compiled. */
export interface Limit extends RecordRule {
  /** Where it stands in the configuration. */
  readonly position: number;
  readonly name: string;
  readonly type: string;
  readonly scope: string;
  /** Whether an id of the scope is the pair of tenant and id when the subject names a tenant. */
  readonly withinTenant: boolean;
  /** As configured; `undefined` for a token bucket. */
  readonly window: string | undefined;
  readonly sharedWhenMissing: boolean;
  readonly when: ((subject: Subject) => boolean) | undefined;
  readonly advertised: boolean;
}

// An integer of a header field has at most 15 digits (RFC 9651 §3.3.1).
const MAX_LIMIT = 999_999_999_999_999;
const NAME = /^[\x20-\x7e]{1,1024}$/;
const WORD = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
/** Scopes that are never within a tenant: three are wider than one, and a caller is who calls. */
export const outsideTenant: ReadonlySet<string> = new Set(["tenant", "ip", "global", "caller"]);

const commonFields = [
  "type",
  "scope",
  "name",
  "within",
  "whenMissing",
  "when",
  "debt",
  "suspended",
  "advertise",
];

/** A plain object's own enumerable entries, however it was made. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// A key that is no word is quoted: an empty one would leave the path empty.
const pathTo = (path: string, key: string): string =>
  /^[\w-]+$/.test(key)
    ? `${path}${path === "" ? "" : "."}${key}`
    : `${path}[${JSON.stringify(key)}]`;

/** Refuses keys that nobody reads, so that a typing slip is not silently no limit at all. */
export function rejectUnknownKeys(
  value: Record<string, unknown>,
  known: readonly string[],
  path: string,
): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw configError(pathTo(path, key), `only the options ${known.join(", ")}`, value[key]);
    }
  }
}

/** A name that can be a property, part of a key and a word in a header. */
export function parseWord(value: unknown, path: string, what: string): string {
  // A name that every object has would be found on subjects and costs that never mention it.
  if (typeof value === "string" && WORD.test(value) && !(value in Object.prototype)) return value;
  throw configError(
    path,
    `${what}: a letter, then up to 63 letters, digits, ".", "_" or "-"`,
    value,
  );
}

function parseInteger(value: unknown, path: string, what: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) {
    return value;
  }
  throw configError(path, `${what}: an integer from 1 to ${String(MAX_LIMIT)}`, value);
}

function parseChoice<T>(value: unknown, path: string, choices: ReadonlyMap<unknown, T>): T {
  const choice = choices.get(value);
  if (choice !== undefined) return choice;
  const names = [...choices.keys()].filter((name) => name !== undefined);
  throw configError(path, `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`, value);
}

const flag = (standard: boolean): ReadonlyMap<unknown, boolean> =>
  new Map([
    [undefined, standard],
    [true, true],
    [false, false],
  ]);

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}

// Units per second, to the sixth decimal, as a fraction of units per millisecond in lowest terms.
function parseRate(value: unknown, path: string): { refill: number; scale: number } {
  const millionths = typeof value === "number" ? Math.round(value * 1e6) : Number.NaN;
  if (!(millionths >= 1 && millionths <= MAX_LIMIT) || millionths / 1e6 !== value) {
    throw configError(
      path,
      "units per second: above 0, up to 999999999, with at most 6 decimals",
      value,
    );
  }
  const divisor = greatestCommonDivisor(millionths, 1e9);
  return { refill: millionths / divisor, scale: 1e9 / divisor };
}

interface Meter {
  readonly rule: Pick<RecordRule, "algorithm" | "max" | "windowMs" | "refill" | "scale">;
  readonly window: string | undefined;
  /** What the derived name and the identity say about the rule. */
  readonly label: string;
  readonly period: string;
}

function parseWindowMeter(input: Record<string, unknown>, path: string): Meter {
  const { window, limit } = input;
  const windowMs = typeof window === "string" ? windowMsOf(window) : undefined;
  if (typeof window !== "string" || windowMs === undefined) {
    throw configError(
      `${path}.window`,
      'minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d"',
      window,
    );
  }
  const max = parseInteger(limit, `${path}.limit`, "units per window");
  return {
    rule: { algorithm: "fixed-window", max, windowMs, refill: 1, scale: 1 },
    window,
    label: `per-${window}`,
    period: `window ${String(windowMs)}`,
  };
}

function parseBucketMeter(input: Record<string, unknown>, path: string): Meter {
  const { refill, scale } = parseRate(input["rate"], `${path}.rate`);
  const max = parseInteger(input["capacity"], `${path}.capacity`, "the bucket's size");
  if (max > Math.floor(Number.MAX_SAFE_INTEGER / scale)) {
    const most = Math.floor(Number.MAX_SAFE_INTEGER / scale);
    throw configError(
      `${path}.capacity`,
      `at most ${String(most)} at this rate, or a rate with fewer decimals`,
      max,
    );
  }
  if (max < refill / scale) {
    throw configError(
      `${path}.capacity`,
      `at least ${String(Math.ceil(refill / scale))}, one millisecond of the rate`,
      max,
    );
  }
  const windowMs = Math.ceil((max * scale) / refill);
  return {
    rule: { algorithm: "token-bucket", max, windowMs, refill, scale },
    window: undefined,
    label: "bucket",
    period: "bucket",
  };
}

const windowFields = [...commonFields, "window", "limit"];
const bucketFields = [...commonFields, "rate", "capacity"];

// Which of the two rules is meant, told by the fields that only one of them has.
function parseMeter(input: Record<string, unknown>, path: string): Meter {
  const asWindow = "window" in input || "limit" in input;
  const asBucket = "rate" in input || "capacity" in input;
  if (asWindow === asBucket) {
    throw configError(path, "either window and limit, or rate and capacity", input);
  }
  rejectUnknownKeys(input, asBucket ? bucketFields : windowFields, path);
  return asBucket ? parseBucketMeter(input, path) : parseWindowMeter(input, path);
}

function parseName(value: unknown, path: string): string | undefined {
  if (value === undefined || (typeof value === "string" && NAME.test(value))) return value;
  throw configError(
    `${path}.name`,
    "1 to 1024 printable ASCII characters, since headers carry it",
    value,
  );
}

function parseWhen(value: unknown, path: string): Limit["when"] {
  if (value === undefined) return undefined;
  if (typeof value !== "function") throw configError(`${path}.when`, "a function", value);
  return (subject) => value(subject) === true;
}

function parseWithin(value: unknown, scope: string, path: string): boolean {
  const inside = !outsideTenant.has(scope);
  if (value === undefined) return inside;
  if (value === null) return false;
  if (value === "tenant" && inside) return true;
  const expected = inside ? '"tenant" or null' : `null: scope ${scope} is never within a tenant`;
  throw configError(`${path}.within`, expected, value);
}

/** Checks one limit and compiles it. Throws an `INVALID_CONFIG` that names the offending field. */
export function parseLimit(
  input: unknown,
  path: string,
  defaultScope: string,
  position: number,
): Limit {
  if (!isObject(input)) throw configError(path, "a limit object", input);
  const type = parseWord(input["type"], `${path}.type`, "a unit such as count or token");
  if (type === "concurrency") {
    throw configError(`${path}.type`, "count, token or a unit of yours", type);
  }
  const { scope: written = defaultScope } = input;
  const scope = parseWord(written, `${path}.scope`, "a scope such as user");
  const meter = parseMeter(input, path);
  const name = parseName(input["name"], path);
  const withinTenant = parseWithin(input["within"], scope, path);
  const choice = <T>(key: string, choices: ReadonlyMap<unknown, T>): T =>
    parseChoice(input[key], `${path}.${key}`, choices);
  return {
    ...meter.rule,
    position,
    // The number is left out: changing it keeps usage, changing anything named here starts anew.
    identity: identityOf(JSON.stringify([type, meter.period, name ?? null])),
    name: name ?? `${type}-${meter.label}-${scope}`,
    type,
    scope,
    withinTenant,
    window: meter.window,
    sharedWhenMissing: choice(
      "whenMissing",
      new Map([
        [undefined, false],
        ["reject", false],
        ["shared", true],
      ]),
    ),
    forgivesDebt: choice(
      "debt",
      new Map([
        [undefined, false],
        ["carry", false],
        ["forgive", true],
      ]),
    ),
    when: parseWhen(input["when"], path),
    suspended: choice("suspended", flag(false)),
    advertised: choice("advertise", flag(scope !== "global")),
  };
}

/**
 * Refuses limits that would share a cell, and names that would be ambiguous.
 * @param placeOf where a limit stands in the configuration
 */
export function rejectDuplicates(
  limits: readonly Limit[],
  placeOf: (index: number) => string,
): void {
  for (const [index, limit] of limits.entries()) {
    const earlier = limits.slice(0, index);
    const same = earlier.findIndex(
      (other) =>
        other.identity === limit.identity &&
        other.scope === limit.scope &&
        other.withinTenant === limit.withinTenant,
    );
    if (same >= 0) {
      throw configError(
        placeOf(index),
        `a limit unlike ${placeOf(same)}, with which it would share its usage; name one of them`,
        limit.name,
      );
    }
    const named = earlier.findIndex((other) => other.name === limit.name);
    if (named >= 0) {
      throw configError(
        `${placeOf(index)}.name`,
        `a name of its own; ${placeOf(named)} has this one`,
        limit.name,
      );
    }
  }
}

/** Checks a list of limits. @param path where the list stands in the configuration */
export function parseLimits(input: unknown, path: string, defaultScope: string): readonly Limit[] {
  if (!Array.isArray(input) || input.length === 0) {
    throw configError(path, "an array of at least one limit", input);
  }
  const placeOf = (index: number): string => `${path}[${String(index)}]`;
  // Unlike `map`, this visits holes.
  const limits = Array.from(input, (limit: unknown, index) =>
    parseLimit(limit, placeOf(index), defaultScope, index),
  );
  rejectDuplicates(limits, placeOf);
  return limits;
}
