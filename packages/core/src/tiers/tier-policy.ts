import { configError } from "../errors.ts";
import { flag, isObject, parseChoice, rejectUnknownKeys } from "../parse.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { LimitOverride } from "../policy/override.ts";

/** What one subject may spend. */
export interface TierPolicy {
  /** May be empty only where `suspended` is true. */
  readonly limits: readonly LimitInput[];
  /** Other numbers for this subject, by the limit's name; see `LimitOverrides.limits`. */
  readonly overrides?: Readonly<Record<string, LimitOverride>>;
  /** Refused at once, whatever it costs. @default false */
  readonly suspended?: boolean;
}

/** A policy that refuses everything. @param reason the name of its only limit, which refusals show */
export const suspendedPolicy = (reason: string): Required<TierPolicy> => ({
  limits: [
    {
      name: reason,
      type: "count",
      window: "day",
      limit: 1,
      scope: "global",
      suspended: true,
      advertise: false,
    },
  ],
  overrides: {},
  suspended: true,
});

const isOverrides = (value: unknown): value is Required<TierPolicy>["overrides"] => isObject(value);

/**
 * What an answer says, with nothing left open; `undefined` where it says that nobody knows the
 * subject. The limits themselves are checked when they are compiled.
 * @param path where the answer stands, for the message
 */
export function parsePolicy(answer: unknown, path: string): Required<TierPolicy> | undefined {
  if (answer === undefined || answer === null) return undefined;
  if (Array.isArray(answer)) return { limits: answer, overrides: {}, suspended: false };
  if (!isObject(answer)) {
    throw configError(path, "an array of limits, or an object with limits and overrides", answer);
  }
  rejectUnknownKeys(answer, ["limits", "overrides", "suspended"], path);
  const { limits, overrides = {} } = answer;
  const suspended = parseChoice(answer["suspended"], `${path}.suspended`, flag(false));
  const none = limits === undefined || (Array.isArray(limits) && limits.length === 0);
  // A suspended subject needs no limits, but only limits refuse.
  if (suspended && none) return suspendedPolicy("suspended");
  if (!Array.isArray(limits)) throw configError(`${path}.limits`, "an array of limits", limits);
  if (!isOverrides(overrides)) {
    throw configError(`${path}.overrides`, "an object by limit name", overrides);
  }
  return { limits, overrides, suspended };
}
