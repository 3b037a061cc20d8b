import assert from "node:assert/strict";

import fc from "fast-check";

import type { Decision } from "./decision.ts";
import { isTollgateError } from "./errors.ts";
import type { Limiter } from "./limiter.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import {
  type ModelAnswer,
  type ModelCost,
  type ModelLimit,
  type ModelSubject,
  type ModelUsage,
  ReferenceModel,
} from "./reference-model.test-support.ts";
import { manualClock } from "./testing/manual-clock.ts";
import type { Usage } from "./usage.ts";

/** Random limits, and what happens to a limiter over time. */

type Step =
  | { readonly kind: "wait"; readonly ms: number }
  | {
      readonly kind: "check" | "take" | "force";
      readonly who: number;
      readonly cost: ModelCost;
      readonly wide: boolean;
    }
  | {
      readonly kind: "reserve";
      readonly who: number;
      readonly cost: ModelCost;
      readonly wide: boolean;
      readonly leaseMs: number;
      readonly id: string | undefined;
    }
  | { readonly kind: "settle"; readonly hold: number; readonly cost: ModelCost | undefined }
  | { readonly kind: "renew"; readonly hold: number; readonly leaseMs: number }
  | { readonly kind: "reset"; readonly who: number }
  | { readonly kind: "sweep" };

export interface Timeline {
  readonly limits: readonly ModelLimit[];
  /** The same limits with other numbers, as a route may have them. */
  readonly wideLimits: readonly ModelLimit[];
  readonly steps: readonly Step[];
}

export const subjects: readonly ModelSubject[] = [
  { tenant: "a", user: "u" },
  { tenant: "a", user: "v" },
  { tenant: "b", user: "u" },
];

const who = fc.nat({ max: subjects.length - 1 });
const hold = fc.nat({ max: 11 });
const leaseMs = fc.constantFrom(1, 100, 3000, 60_000, 86_400_000);

// Seldom, since a shadow limit decides nothing.
const shadowed = fc.nat({ max: 5 }).map((n) => n === 0);

const meter = fc.oneof(
  fc.record({
    rule: fc.constantFrom("fixed" as const, "sliding" as const, "log" as const),
    max: fc.integer({ min: 1, max: 20 }),
    windowMs: fc.constantFrom(1, 50, 1000, 1500, 7000),
    forgives: fc.boolean(),
    shadow: shadowed,
  }),
  fc.record({
    rule: fc.constant("calendar" as const),
    max: fc.integer({ min: 1, max: 20 }),
    windowMs: fc.constant(3_600_000),
    forgives: fc.boolean(),
    shadow: shadowed,
  }),
  fc.record({
    rule: fc.constant("bucket" as const),
    shadow: shadowed,
    max: fc.integer({ min: 1, max: 20 }),
    rate: fc.constantFrom(300_000, 1_000_000, 2_500_000, 3_000_000, 7_000_000, 333_333_333, 1),
    forgives: fc.boolean(),
  }),
);

type Meter = Pick<ModelLimit, "rule" | "max" | "windowMs" | "rate" | "forgives" | "shadow">;

const scope = fc.constantFrom("user", "tenant", "global");

/** Up to six limits; in every scope one of them meters `count`, so that each call is charged there. */
export const policy: fc.Arbitrary<readonly ModelLimit[]> = fc
  .uniqueArray(
    fc.record({
      scope,
      count: meter,
      token: fc.option(meter, { nil: undefined }),
      slots: fc.option(fc.record({ max: fc.integer({ min: 1, max: 4 }), shadow: shadowed }), {
        nil: undefined,
      }),
    }),
    { minLength: 1, maxLength: 3, selector: (group) => group.scope },
  )
  .map((groups) =>
    groups.flatMap(({ scope, count, token, slots }) => {
      const limitOf = (type: string, meter: Meter): ModelLimit => ({
        ...meter,
        type,
        scope,
        name: `${type}-${scope}`,
      });
      return [
        limitOf("count", count),
        ...(token === undefined ? [] : [limitOf("token", token)]),
        ...(slots === undefined
          ? []
          : [limitOf("concurrency", { ...slots, rule: "slots", forgives: false })]),
      ];
    }),
  );

export const cost: fc.Arbitrary<ModelCost> = fc.record({
  count: fc.integer({ min: 1, max: 6 }),
  token: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 14 })),
});

const actualCost: fc.Arbitrary<ModelCost> = fc.record(
  { count: fc.nat({ max: 12 }), token: fc.nat({ max: 40 }) },
  { requiredKeys: [] },
);

const stepsWith = (
  wait: fc.Arbitrary<number>,
  wide: fc.Arbitrary<boolean>,
): fc.Arbitrary<Step[]> => {
  const plain = (kind: "check" | "take" | "force"): fc.Arbitrary<Step> =>
    fc.record({ kind: fc.constant(kind), who, cost, wide });
  const reserve = fc.record({
    kind: fc.constant("reserve" as const),
    who,
    cost,
    wide,
    leaseMs,
    id: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
  });
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: wait }) },
      { weight: 6, arbitrary: plain("take") },
      { weight: 1, arbitrary: plain("check") },
      { weight: 1, arbitrary: plain("force") },
      { weight: 5, arbitrary: reserve },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant("settle" as const),
          hold,
          cost: fc.option(actualCost, { nil: undefined }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("renew" as const), hold, leaseMs }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const), who }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("sweep" as const) }) },
    ),
    { minLength: 5, maxLength: 50 },
  );
};

const onward = fc.oneof(
  fc.integer({ min: 0, max: 60 }),
  fc.integer({ min: 0, max: 3000 }),
  fc.constantFrom(1, 49, 50, 999, 1000, 1500, 7000, 14_000, 100_000, 3_600_000, 90_000_000),
);

/** Time goes on, now and then by much more than a window or a lease; records come and go. */
export const timeline: fc.Arbitrary<Timeline> = fc
  .record({ limits: policy, steps: stepsWith(onward, fc.constant(false)) })
  .map(({ limits, steps }) => ({ limits, wideLimits: limits, steps }));

const years: ModelLimit = {
  name: "years",
  type: "year",
  scope: "user",
  rule: "fixed",
  max: 999_999_999_999_999,
  windowMs: 3650 * 86_400_000,
  forgives: false,
  shadow: false,
};

/** The same step, charging the limits of years too: a settlement more than was held, also after a reset. */
function chargingYears(step: Step): Step {
  if (!("cost" in step) || step.cost === undefined) return step;
  if (step.kind === "settle") return { ...step, cost: { ...step.cost, year: 2 } };
  return { ...step, cost: { ...step.cost, year: 1 } };
}

/**
 * The clock also takes steps back, and calls come by two routes with different numbers. A limit of
 * ten years in each scope, which everything charges, keeps every record: a store may forget one that
 * says nothing under the numbers it was written with, and with it when it was written.
 */
export const unsteadyTimeline: fc.Arbitrary<Timeline> = fc
  .record({
    limits: policy,
    factors: fc.array(fc.constantFrom(1, 2, 3), { minLength: 6, maxLength: 6 }),
    rates: fc.array(fc.constantFrom(undefined, 250_000, 1_000_000, 9_000_000), {
      minLength: 6,
      maxLength: 6,
    }),
    steps: stepsWith(
      fc.oneof(
        { weight: 3, arbitrary: onward },
        { weight: 2, arbitrary: fc.integer({ min: -2000, max: -1 }) },
      ),
      fc.boolean(),
    ),
  })
  .map(({ limits, factors, rates, steps }) => {
    const scopes = [...new Set(limits.map(({ scope }) => scope))];
    const anchored = scopes.flatMap((scope) => [
      ...limits.filter((limit) => limit.scope === scope),
      { ...years, scope, name: `years-${scope}` },
    ]);
    const wideLimits = anchored.map((limit, index): ModelLimit => {
      if (limit.name.startsWith("years")) return limit;
      const wide = { ...limit, max: limit.max * (factors[index % 6] ?? 1) };
      const rate = rates[index % 6];
      return limit.rate === undefined || rate === undefined ? wide : { ...wide, rate };
    });
    return { limits: anchored, wideLimits, steps: steps.map(chargingYears) };
  });

export const inputOf = (limit: ModelLimit): LimitInput => {
  const { name, type, scope, max, rule, windowMs = 0, rate = 0, forgives, shadow } = limit;
  const debt = forgives ? "forgive" : "carry";
  const common = { name, type, scope, debt, shadow } as const;
  if (rule === "bucket") return { ...common, rate: rate / 1e6, capacity: max };
  if (rule === "slots") return { ...common, type: "concurrency", limit: max };
  if (rule === "calendar") return { ...common, window: "hour", align: "calendar", limit: max };
  const algorithm = rule === "log" ? "sliding-log" : rule;
  return { ...common, window: `${windowMs}ms`, limit: max, algorithm };
};

const overrideTo = (limits: readonly ModelLimit[]) => ({
  limits: Object.fromEntries(
    limits.map(({ name, max, rate }) => [
      name,
      rate === undefined ? { limit: max } : { capacity: max, rate: rate / 1e6 },
    ]),
  ),
});

const plainUsage = ({
  limit,
  current,
  remaining,
  debt,
  resetsAtMs,
}: Usage | ModelUsage): unknown => ({
  limit,
  current,
  remaining,
  debt,
  resetsAtMs,
});

function assertUsages(actual: readonly Usage[], expected: readonly ModelUsage[]): void {
  assert.deepEqual(actual.map(plainUsage), expected.map(plainUsage));
  for (const [index, { held }] of actual.entries()) {
    const [least = 0, most = 0] = expected[index]?.held ?? [];
    assert.ok(held >= least && held <= most, `held ${held}, not from ${least} to ${most}`);
  }
}

function compare(decision: Decision, answer: ModelAnswer): void {
  assert.equal(decision.outcome, answer.outcome);
  assert.deepEqual(decision.refusedBy, answer.refusedBy);
  assert.equal(decision.retryAfterMs, answer.retryAfterMs);
  assertUsages(decision.usages, answer.usages);
}

/** Replays a timeline on the memory store and on the model, and compares every number. */
export function replay({ limits, wideLimits, steps }: Timeline): void {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now, maxKeys: 100, maxReservations: 100 });
  const limiter = createLimiter({ limits: limits.map(inputOf), store });
  const wideLimiter = limiter.override(overrideTo(wideLimits));
  const model = new ReferenceModel();
  // What a reservation is called in the store and in the model.
  const holds: { readonly id: string; readonly token: string }[] = [];
  const tokens = new Map<string, string>();

  const reserve = (step: Step & { kind: "reserve" }, on: Limiter<"sync">): void => {
    const subject = { ...subjects[step.who] };
    const options = { leaseMs: step.leaseMs, ...(step.id === undefined ? {} : { id: step.id }) };
    const own = `${String(step.who)} ${step.id ?? `#${String(holds.length)}`}`;
    const token = step.id === undefined ? own : (tokens.get(own) ?? own);
    const modelSubject = subjects[step.who] ?? { tenant: "", user: "" };
    const answer = model.reserve(
      step.wide ? wideLimits : limits,
      modelSubject,
      step.cost,
      clock.now(),
      { token, leaseMs: step.leaseMs },
    );
    try {
      const decision = on.reserve(subject, step.cost, options);
      compare(decision, answer);
      if (decision.reservation !== undefined) holds.push({ id: decision.reservation.id, token });
    } catch (error) {
      if (!isTollgateError(error)) throw error;
      assert.equal(error.code, "RESERVATION_CONFLICT");
      assert.equal(answer.outcome, "conflict");
    }
  };

  const run = (step: Step): void => {
    switch (step.kind) {
      case "wait":
        clock.advance(step.ms);
        return;
      case "check":
      case "take":
      case "force": {
        const subject = subjects[step.who] ?? { tenant: "", user: "" };
        const on = step.wide ? wideLimiter : limiter;
        const numbers = step.wide ? wideLimits : limits;
        const answer = model.decide(step.kind, numbers, subject, step.cost, clock.now());
        if (step.kind === "force") {
          assertUsages(on.record({ ...subject }, step.cost), answer.usages);
        } else {
          const ask = step.kind === "check" ? on.check : on.checkAndRecord;
          compare(ask({ ...subject }, step.cost), answer);
        }
        return;
      }
      case "reserve":
        reserve(step, step.wide ? wideLimiter : limiter);
        return;
      case "settle": {
        const chosen = holds[step.hold % Math.max(1, holds.length)];
        if (chosen === undefined) return;
        const expected = model.end(chosen.token, step.cost, clock.now());
        const ending =
          step.cost === undefined
            ? limiter.release(chosen.id)
            : limiter.settle(chosen.id, step.cost);
        const metered = Object.keys(ending.cost).map((type) => [type, expected.cost[type] ?? 0]);
        assert.deepEqual(
          { outcome: ending.outcome, applied: ending.applied, cost: ending.cost },
          {
            outcome: expected.outcome,
            applied: expected.applied,
            cost: Object.fromEntries(metered),
          },
        );
        return;
      }
      case "renew": {
        const chosen = holds[step.hold % Math.max(1, holds.length)];
        if (chosen === undefined) return;
        const expected = model.renew(chosen.token, step.leaseMs, clock.now());
        assert.equal(limiter.renew(chosen.id, step.leaseMs), expected);
        return;
      }
      case "reset": {
        const subject = subjects[step.who] ?? { tenant: "", user: "" };
        limiter.reset({ ...subject });
        model.reset(limits, subject, clock.now());
        return;
      }
      case "sweep":
        limiter.resetExpired();
        return;
    }
  };

  for (const step of steps) run(step);
  for (const subject of subjects) {
    assertUsages(limiter.usage({ ...subject }), model.usages(limits, subject, clock.now()));
    assertUsages(wideLimiter.usage({ ...subject }), model.usages(wideLimits, subject, clock.now()));
  }
}
