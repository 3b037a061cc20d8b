import type { CellRule } from "../algorithms/cell.ts";
import { configError } from "../errors.ts";
import { identityOf } from "../keys.ts";
import { flag, isObject, parseChoice, parseWord } from "../parse.ts";
import type { Subject } from "../subject.ts";
import { parseRule } from "./parse-rule.ts";

/** One limit, checked and compiled. */
export interface Limit extends CellRule {
  /** Where it stands in the configuration. */
  readonly position: number;
  readonly name: string;
  readonly type: string;
  readonly scope: string;
  /** Whether an id of the scope is the pair of tenant and id when the subject names a tenant. */
  readonly withinTenant: boolean;
  /** As configured; `undefined` for a token bucket and for slots. */
  readonly window: string | undefined;
  readonly sharedWhenMissing: boolean;
  readonly when: ((subject: Subject) => boolean) | undefined;
  readonly advertised: boolean;
  /** Whether it never refuses; see `LimitInput`. */
  readonly shadow: boolean;
  /** As it was written, for who wants the same with other numbers. */
  readonly source: Readonly<Record<string, unknown>>;
}

const NAME = /^[\x20-\x7e]{1,1024}$/;
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
  "shadow",
  "advertise",
];

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
  const { scope: written = defaultScope } = input;
  const scope = parseWord(written, `${path}.scope`, "a scope such as user");
  const rule = parseRule(input, path, commonFields);
  const name = parseName(input["name"], path);
  const withinTenant = parseWithin(input["within"], scope, path);
  const choice = <T>(key: string, choices: ReadonlyMap<unknown, T>): T =>
    parseChoice(input[key], `${path}.${key}`, choices);
  const shadow = choice("shadow", flag(false));
  return {
    ...rule.numbers,
    position,
    // The number is left out: changing it keeps usage, changing anything named here starts anew.
    identity: identityOf(JSON.stringify([type, rule.period, name ?? null])),
    name: name ?? [type, rule.label, scope].filter((part) => part !== "").join("-"),
    type,
    scope,
    withinTenant,
    window: rule.window,
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
        // What a shadow limit lets pass would otherwise weigh on windows that an enforced one keeps.
        [undefined, shadow],
        ["carry", false],
        ["forgive", true],
      ]),
    ),
    when: parseWhen(input["when"], path),
    suspended: choice("suspended", flag(false)),
    advertised: choice("advertise", flag(scope !== "global" && !shadow)),
    shadow,
    source: { ...input },
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
