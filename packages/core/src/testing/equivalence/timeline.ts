import type { Cost } from "../../cost.ts";
import type { LimitInput, WindowLimitInput } from "../../policy/limit-input.ts";
import type { LimitOverride, LimitOverrides } from "../../policy/override.ts";
import type { SubjectIds } from "../../subject.ts";
import { type Random, randomFrom } from "./random.ts";

/** What happens to a limiter, step by step. */
export interface Timeline {
  readonly seed: number;
  readonly limits: readonly LimitInput[];
  /** Other numbers for the same limits, as another route may have them. */
  readonly overrides: LimitOverrides;
  readonly steps: readonly Step[];
}

/** One thing that happens. `wide` is said of calls that come by the route with other numbers. */
export type Step =
  | { readonly kind: "wait"; readonly ms: number }
  | {
      readonly kind: "check" | "take" | "force";
      readonly who: SubjectIds;
      readonly cost: Cost;
      readonly wide: boolean;
    }
  | {
      readonly kind: "reserve";
      readonly who: SubjectIds;
      readonly cost: Cost;
      readonly wide: boolean;
      readonly leaseMs: number;
      readonly id: string | undefined;
    }
  | { readonly kind: "settle"; readonly hold: number; readonly cost: Cost | undefined }
  | { readonly kind: "renew"; readonly hold: number; readonly leaseMs: number }
  | { readonly kind: "adjust"; readonly who: SubjectIds; readonly cost: Cost }
  | { readonly kind: "block"; readonly who: SubjectIds; readonly forMs: number }
  | {
      readonly kind: "reset" | "list";
      readonly who: SubjectIds;
      readonly scopes: readonly string[];
    }
  | { readonly kind: "sweep" };

const subjects: readonly [SubjectIds, ...SubjectIds[]] = [
  { tenant: "a", user: "u", session: "s" },
  { tenant: "a", user: "v", session: "s" },
  { tenant: "b", user: "u", session: "s" },
  { user: "u", session: "s" },
];

const scopes: readonly [string, ...string[]] = ["tenant", "user", "session", "global"];
const windows: readonly [`${number}ms`, ...`${number}ms`[]] = [
  "1ms",
  "50ms",
  "1000ms",
  "1500ms",
  "7000ms",
];

function windowLimit(random: Random, type: string, limit: number): WindowLimitInput {
  const common = { type, limit };
  switch (random.integer(1, 10)) {
    case 1:
      return { ...common, window: "hour", align: "calendar", timeZone: "Europe/Berlin" };
    case 2:
      return { ...common, window: "day", align: "calendar", timeZone: "America/New_York" };
    case 3:
    case 4:
      return { ...common, window: random.pick(windows), algorithm: "sliding" };
    case 5:
    case 6: {
      const maxEntries = random.pick([1, 3, 100]);
      return { ...common, window: random.pick(windows), algorithm: "sliding-log", maxEntries };
    }
    default:
      return { ...common, window: random.pick(windows) };
  }
}

const rates: readonly [number, ...number[]] = [0.3, 1, 2.5, 3, 7, 333.333333, 0.000001];

function limitOf(random: Random, type: string, scope: string, name: string): LimitInput {
  const common = {
    scope,
    name,
    whenMissing: "shared",
    debt: random.oneIn(3) ? "forgive" : "carry",
    shadow: random.oneIn(7),
    suspended: random.oneIn(40),
  } as const;
  if (type === "concurrency") return { ...common, type, limit: random.integer(1, 4) };
  const max = random.oneIn(20) ? 1_000_000_000_000 : random.integer(1, 20);
  if (!random.oneIn(4)) return { ...windowLimit(random, type, max), ...common };
  return { ...common, type, rate: random.pick(rates), capacity: Math.min(max, 1_000_000) };
}

function limitsOf(random: Random): readonly LimitInput[] {
  const types = ["count", "token", "concurrency"];
  const chosen = scopes.flatMap((scope) =>
    types.flatMap((type, index) => {
      const wanted = index === 0 ? !random.oneIn(3) : random.oneIn(3);
      return wanted ? [limitOf(random, type, scope, `${type}-${scope}`)] : [];
    }),
  );
  return [limitOf(random, "count", "user", "second-user"), ...chosen];
}

function overridesOf(random: Random, limits: readonly LimitInput[]): LimitOverrides {
  const changed: Record<string, LimitOverride> = {};
  for (const limit of limits) {
    if (!random.oneIn(2)) continue;
    changed[limit.name ?? ""] =
      "limit" in limit
        ? { limit: Math.min(10_000, limit.limit * random.integer(1, 3)) }
        : { rate: random.pick(rates), capacity: random.integer(1, 60) };
  }
  return { limits: changed };
}

const leases: readonly [number, ...number[]] = [1, 100, 3000, 60_000, 86_400_000];
const jumps: readonly [number, ...number[]] = [
  1, 49, 50, 999, 1000, 1500, 7000, 14_000, 100_000, 3_600_000, 90_000_000,
];

function waitOf(random: Random, isSteady: boolean): number {
  if (!isSteady && random.oneIn(12)) return -random.integer(1, 2000);
  // Beyond what is taken for a step: the clock had been wrong, and was put right.
  if (!isSteady && random.oneIn(40)) return -random.pick([61_000, 3_600_000, 86_400_000]);
  if (random.oneIn(3)) return random.pick(jumps);
  return random.integer(0, random.pick([60, 3000]));
}

const costOf = (random: Random): Cost => ({
  count: random.integer(0, 6),
  token: random.oneIn(3) ? 0 : random.integer(1, 14),
});

function actualCostOf(random: Random): Cost | undefined {
  if (random.oneIn(4)) return undefined;
  const count = random.oneIn(3) ? {} : { count: random.integer(0, 12) };
  const token = random.oneIn(3) ? {} : { token: random.integer(0, 40) };
  return random.oneIn(30) ? { token: Number.MAX_SAFE_INTEGER } : { ...count, ...token };
}

function stepOf(random: Random, isSteady: boolean): Step {
  const who = random.pick(subjects);
  const wide = !isSteady && random.oneIn(4);
  const n = random.integer(1, 100);
  if (n <= 22) return { kind: "wait", ms: waitOf(random, isSteady) };
  if (n <= 44) return { kind: "take", who, cost: costOf(random), wide };
  if (n <= 48) return { kind: "check", who, cost: costOf(random), wide };
  if (n <= 52) return { kind: "force", who, cost: costOf(random), wide };
  if (n <= 70) {
    const id = random.oneIn(3) ? random.pick(["x", "y"]) : undefined;
    const leaseMs = random.pick(leases);
    return { kind: "reserve", who, cost: costOf(random), wide, leaseMs, id };
  }
  const hold = random.integer(0, 11);
  if (n <= 86) return { kind: "settle", hold, cost: actualCostOf(random) };
  if (n <= 89) return { kind: "renew", hold, leaseMs: random.pick(leases) };
  if (n <= 92) {
    const cost = { count: random.integer(-6, 6), token: random.integer(-9, 9) };
    return { kind: "adjust", who, cost };
  }
  if (n <= 94 && isSteady) return { kind: "block", who, forMs: random.pick([0, 1, 500, 90_000]) };
  const some = random.oneIn(2) ? [random.pick(scopes)] : ["tenant", "user"];
  if (n <= 97 && isSteady) return { kind: "reset", who, scopes: some };
  return n <= 99 || !isSteady ? { kind: "list", who, scopes: some } : { kind: "sweep" };
}

/** A limit of ten years in each scope, which everything charges. */
const years = scopes.map((scope): LimitInput => ({
  name: `years-${scope}`,
  type: "year",
  window: "3650d",
  limit: 999_999_999_999_999,
  scope,
  whenMissing: "shared",
}));

function chargingYears(step: Step): Step {
  if (!("cost" in step) || step.cost === undefined) return step;
  return { ...step, cost: { ...step.cost, year: step.kind === "settle" ? 2 : 1 } };
}

/**
 * The timeline of a seed: limits of every rule over four scopes, and up to 60 steps.
 *
 * With every other seed the clock also steps back, and calls come with other numbers. What becomes then
 * of a record that had expired, or had under the numbers it was written with, depends on whether the
 * store has removed it by that time, which is its own affair. So there a limit of ten years keeps every
 * record, and nothing is blocked, reset or swept.
 */
export function timelineOf(seed: number): Timeline {
  const random = randomFrom(seed);
  const isSteady = seed % 2 === 0;
  const limits = limitsOf(random);
  const overrides = overridesOf(random, limits);
  const count = random.integer(10, 60);
  const steps = Array.from({ length: count }, () => stepOf(random, isSteady));
  if (isSteady) return { seed, limits, overrides, steps };
  return { seed, limits: [...limits, ...years], overrides, steps: steps.map(chargingYears) };
}
