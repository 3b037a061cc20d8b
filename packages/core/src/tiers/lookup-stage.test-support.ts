import { isPromise } from "../maybe-promise.ts";
import { planOf } from "../policy/plan-source.ts";
import type { Plan } from "../policy/plan.ts";
import type { SubjectIds } from "../subject.ts";
import { manualScheduler, type ManualScheduler } from "./manual-scheduler.test-support.ts";
import { type LimitsFunction, type LookupOptions, PolicyLookup } from "./policy-lookup.ts";

export const acme: SubjectIds = { tenant: "acme" };

/** A lookup of plans on a scheduler that stands still. */
export interface LookupStage extends ManualScheduler {
  readonly lookup: PolicyLookup<Plan>;
  /** What the function was asked. */
  readonly asked: readonly SubjectIds[];
  /** What the lookup told of failures. */
  readonly told: readonly unknown[];
  /** A call of each subject, which does not wait for its answer. */
  readonly see: (...subjects: readonly SubjectIds[]) => void;
  /** The numbers of the limits that a subject has. */
  readonly maxima: (subject?: SubjectIds) => Promise<readonly number[]>;
}

export function stage(limits: LimitsFunction, options?: LookupOptions): LookupStage {
  const scheduler = manualScheduler();
  const asked: SubjectIds[] = [];
  const told: unknown[] = [];
  const lookup = new PolicyLookup(
    (subject) => {
      asked.push(subject);
      return limits(subject);
    },
    options,
    (policy) => planOf("default", "tenant", policy),
    scheduler,
    (error) => told.push(error),
  );
  return {
    ...scheduler,
    lookup,
    asked,
    told,
    see: (...subjects) => {
      for (const subject of subjects) {
        const plan = lookup.resolve(subject);
        if (isPromise(plan)) plan.catch(() => undefined);
      }
    },
    maxima: async (subject = acme) => (await lookup.resolve(subject)).limits.map(({ max }) => max),
  };
}
