import type { TierPolicy } from "../tiers/policy-lookup.ts";
import { type Limit, parseLimits } from "./limit.ts";
import { type LimitOverrides, overrideLimits, parseOverrides } from "./override.ts";
import { compilePlan, type Plan } from "./plan.ts";

/** Where a limiter finds the plan that is in force. */
export type PlanSource = () => Plan;

/** A plan that can be exchanged for another while calls are decided. */
export class ConfiguredPlan {
  readonly #limiter: string;
  readonly #scope: string;
  #plan: Plan;

  /** @param configured `undefined` for a limiter without limits, as it is switched off */
  constructor(limiter: string, scope: string, configured: Configured | undefined) {
    this.#limiter = limiter;
    this.#scope = scope;
    this.#plan = configured === undefined ? noPlan(limiter) : this.#compile(configured);
  }

  readonly current: PlanSource = () => this.#plan;

  /** Puts other limits in force. Usage stays with every limit that still meters the same. */
  replace(configured: Configured): void {
    this.#plan = this.#compile(configured);
  }

  #compile({ limits }: Configured): Plan {
    return compilePlan(this.#limiter, parseLimits(limits, "limits", this.#scope));
  }
}

/** What a limiter is configured with, not checked yet. */
interface Configured {
  readonly limits: unknown;
}

/** The plan of a limiter without limits, which has no say in what calls cost. */
export const noPlan = (limiter: string): Plan => compilePlan(limiter, [], { oneOfMany: true });

/** The plan of one subject, or of all of its tier. */
export function planOf(
  limiter: string,
  scope: string,
  { limits: inputs, overrides = {}, suspended = false }: TierPolicy,
): Plan {
  const parsed = parseLimits(inputs, "limits", scope);
  const limits = overrideLimits(parsed, { limits: overrides, add: [] }, scope);
  return compilePlan(
    limiter,
    suspended ? limits.map((limit) => ({ ...limit, suspended })) : limits,
    { oneOfMany: true, suspended },
  );
}

/** The plan of `source` with overrides, made anew when that is exchanged. */
export function overriddenPlan(
  source: PlanSource,
  overrides: LimitOverrides,
  scope: string,
): PlanSource {
  const { limits, add } = parseOverrides(overrides);
  let seen = source();
  // A suspended subject's limits are there to refuse, whatever a route makes of their numbers.
  if (seen.suspended) return source;
  const { limiter, oneOfMany } = seen;
  const compile = (changed: readonly Limit[]): Plan => compilePlan(limiter, changed, { oneOfMany });
  let plan = compile(overrideLimits(seen.limits, { limits, add }, scope));
  return () => {
    const base = source();
    if (base === seen) return plan;
    // What a limit that is gone was overridden to means nothing any more.
    const names = new Set(base.limits.map(({ name }) => name));
    const left = Object.entries(limits).filter(([name]) => names.has(name));
    const changes = { limits: Object.fromEntries(left), add };
    plan = compile(overrideLimits(base.limits, changes, scope));
    seen = base;
    return plan;
  };
}
