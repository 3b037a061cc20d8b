import { uniqueQuotas } from "./fields/legacy.ts";
import { fieldInteger } from "./fields/numbers.ts";
import type { Fields } from "./fields/quota.ts";

/** What a response already says under a name, in whatever form the framework keeps it. */
export type ResponseField = (name: string) => string | number | readonly string[] | undefined;

/** Fields to set, by name; `undefined` removes one. */
export type FieldChanges = Readonly<Record<string, string | undefined>>;

const textOf = (value: ReturnType<ResponseField>): string | undefined =>
  value === undefined || typeof value === "string"
    ? value
    : typeof value === "number"
      ? String(value)
      : value.join(", ");

// RFC 9651 §4.2.1, as far as these fields use it: items that are strings, with parameters.
// No two parts of it match the same text, so that a hostile value is read in linear time.
const SF_LIST_ITEM = String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:[^",; \t]+|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"))?)*`;
const SF_LIST = new RegExp(`^${SF_LIST_ITEM}(?:[ \\t]*,[ \\t]*${SF_LIST_ITEM})*$`);

// Appending to a malformed list would not help: clients ignore such a field whole.
const appendToList = (before: string, ours: string): string =>
  SF_LIST.test(before) ? `${before}, ${ours}` : before;

function appendToQuotas(before: string, ours: string): string {
  const entries = `${before}, ${ours}`
    .split(",")
    .map((entry) => /^(\d+);w=(\d+)$/.exec(entry.trim()));
  const parsed = entries.flatMap((match) =>
    match === null ? [] : [{ quota: Number(match[1]), seconds: Number(match[2]) }],
  );
  return parsed.length === entries.length ? uniqueQuotas(parsed) : before;
}

const integerIn = (text: string | undefined, pattern: RegExp): number => {
  const [, digits] = pattern.exec(text ?? "") ?? [];
  return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
};

/** Fields that describe one policy together: mixed with those of another they would describe none. */
export interface FieldSet {
  readonly names: readonly string[];
  /** The one that tells what is left. */
  readonly left: string;
  /** Ours, as far as they are known. */
  readonly fields: Fields;
  /** Whether ours tells of a refusal. */
  readonly denied: boolean;
}

const INTEGER = /^(\d+)$/;

/** Keeps the more restrictive of two sets whole, where the response already has one. */
function mergeSet(
  { names, left, fields, denied }: FieldSet,
  before: ResponseField,
  pattern: RegExp = INTEGER,
): FieldChanges {
  const earlier = names.map((name): [string, string | undefined] => [name, textOf(before(name))]);
  if (earlier.every(([, value]) => value === undefined)) return fields;
  const theirs = integerIn(textOf(before(left)), pattern);
  return !denied && theirs < integerIn(fields[left], pattern)
    ? Object.fromEntries(earlier)
    : Object.fromEntries(names.map((name) => [name, fields[name]]));
}

/** Adds sets of fields to what another limiter or an upstream has put on the response. */
export const mergeSets = (sets: readonly FieldSet[], before: ResponseField): FieldChanges =>
  Object.fromEntries(sets.flatMap((set) => Object.entries(mergeSet(set, before))));

const genericSets = [
  { names: ["RateLimit"], left: "RateLimit", pattern: /remaining=(\d+)/ },
  {
    names: ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
    left: "RateLimit-Remaining",
    pattern: INTEGER,
  },
  {
    names: ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"],
    left: "X-RateLimit-Remaining",
    pattern: INTEGER,
  },
] as const;

/**
 * Adds our rate-limit fields to what another limiter or an upstream has put on the response: lists
 * grow, and of two descriptions of a single policy the more restrictive one stays.
 */
export function mergeRateLimitFields(
  ours: Fields,
  before: ResponseField,
  { ietf, denied }: { readonly ietf: boolean; readonly denied: boolean },
): FieldChanges {
  const merged: Record<string, string | undefined> = { ...ours };
  for (const name of ietf ? ["RateLimit-Policy", "RateLimit"] : ["RateLimit-Policy"]) {
    const earlier = textOf(before(name));
    const added = ours[name];
    if (earlier === undefined || added === undefined) continue;
    merged[name] = ietf ? appendToList(earlier, added) : appendToQuotas(earlier, added);
  }
  for (const { names, left, pattern } of genericSets) {
    if (names.every((name) => ours[name] === undefined)) continue;
    if (ietf && left === "RateLimit") continue;
    Object.assign(merged, mergeSet({ names, left, fields: ours, denied }, before, pattern));
  }
  return merged;
}

/** How long a client is told to wait. */
export interface Wait {
  /** `Retry-After`. */
  readonly seconds: number;
  /** `retry-after-ms`; `undefined`: not sent. */
  readonly ms: number | undefined;
}

const wholeNumber = (value: ReturnType<ResponseField>): number | undefined => {
  const [, digits] = INTEGER.exec(textOf(value) ?? "") ?? [];
  return digits === undefined ? undefined : fieldInteger(Number(digits));
};

function waitOn(before: ResponseField): Wait | undefined {
  const ms = wholeNumber(before("retry-after-ms"));
  const seconds = wholeNumber(before("Retry-After"));
  if (seconds === undefined) {
    return ms === undefined ? undefined : { seconds: Math.max(1, Math.ceil(ms / 1000)), ms };
  }
  // A wait that is shorter than its rounded form allows would send clients back too early.
  return { seconds, ms: ms === undefined || ms <= (seconds - 1) * 1000 ? undefined : ms };
}

const lengthMs = ({ seconds, ms }: Wait): number => ms ?? seconds * 1000;

/** The longer of two waits, whole, where the response already tells one; none where ours is none. */
export function longerWait(ours: Wait | undefined, before: ResponseField): Wait | undefined {
  const theirs = waitOn(before);
  if (ours === undefined || theirs === undefined) return ours;
  return lengthMs(theirs) > lengthMs(ours) ? theirs : ours;
}

/**
 * `Access-Control-Expose-Headers` with our fields added to those the application exposes, without
 * which a browser hides them from the page.
 */
export function exposeFields(names: readonly string[], before: ResponseField): string | undefined {
  const earlier = textOf(before("Access-Control-Expose-Headers")) ?? "";
  const exposed = earlier.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
  const known = new Set(exposed.map((name) => name.toLowerCase()));
  const added = names.filter((name) => !known.has(name.toLowerCase()));
  return added.length === 0 ? undefined : [...exposed, ...added].join(", ");
}
