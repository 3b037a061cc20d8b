import { NOT_APPLIED } from "./algorithms/kernel.ts";
import { describeValue, TollgateError } from "./errors.ts";
import { canonicalId, GLOBAL_ID, SHARED_ID } from "./keys.ts";
import type { Plan, PlanScope } from "./policy/plan.ts";

/**
 * Who calls: one id per scope, each a non-empty string, taken byte for byte. Ids of scopes that no
 * limit uses are ignored, so one identity can serve every limiter.
 */
export type SubjectIds = Readonly<Record<string, string | null | undefined>>;

/** A plain string means `{ caller: string }`. */
export type Subject = string | SubjectIds;

/** Whether the value is an id; a value that was meant as one but is none is an error. */
function parseId(id: unknown, scope: string): string | undefined {
  if (typeof id === "string") return id === "" ? undefined : id;
  if (id === undefined || id === null) return undefined;
  throw new TollgateError(
    "INVALID_SUBJECT",
    `subject.${scope}: expected a string, got ${describeValue(id)}`,
    { path: `subject.${scope}` },
  );
}

/** Refuses what is no subject at all. @throws TollgateError `INVALID_SUBJECT` */
export function checkSubject(subject: unknown): void {
  if (typeof subject === "string") return;
  if (typeof subject === "object" && subject !== null && !Array.isArray(subject)) return;
  throw new TollgateError(
    "INVALID_SUBJECT",
    `subject: expected a string or an object of ids by scope, got ${describeValue(subject)}`,
    { path: "subject" },
  );
}

/** The tenant a subject names, as stores see it. */
export function tenantOf(subject: Subject): string | undefined {
  if (typeof subject === "string") return undefined;
  // Not by a variable name: V8 caches a keyed load only while it sees one key.
  const tenant = parseId(subject["tenant"], "tenant");
  return tenant === undefined ? undefined : canonicalId(tenant);
}

/** The id a subject has for a scope, as stores see it; `undefined` when it has none. */
export function idFor(subject: Subject, scope: string): string | undefined {
  if (scope === "global") return GLOBAL_ID;
  const id =
    typeof subject === "string"
      ? scope === "caller" && subject !== ""
        ? subject
        : undefined
      : parseId(subject[scope], scope);
  return id === undefined ? undefined : canonicalId(id);
}

/** All ids that a subject names, whether a limit uses them or not, in a fixed order. */
export const namedIds = (subject: Subject): readonly (readonly [scope: string, id: string])[] =>
  Object.keys(typeof subject === "string" ? { caller: subject } : subject)
    .toSorted()
    .flatMap((scope) => {
      const id = idFor(subject, scope);
      return id === undefined ? [] : [[scope, id] as const];
    });

/**
 * The ids of a call, one for each of the plan's scopes: empty where no limit of the scope applies.
 * @throws TollgateError `MISSING_SCOPE` when a limit that applies needs an id the subject lacks
 */
export function resolveIds(plan: Plan, subject: Subject, amounts: readonly number[]): string[] {
  return plan.scopes.map((scope) => idFor(subject, scope.scope) ?? idWhenMissing(scope, amounts));
}

function idWhenMissing({ scope, first, limits }: PlanScope, amounts: readonly number[]): string {
  const applied = limits.filter((_, i) => amounts[first + i] !== NOT_APPLIED);
  // A shadow limit that needs one does not apply; see `amountsOf`.
  const needing = applied.find(({ sharedWhenMissing }) => !sharedWhenMissing);
  if (needing !== undefined) {
    throw new TollgateError(
      "MISSING_SCOPE",
      `limit "${needing.name}" needs an id for scope "${scope}", and the subject has none; ` +
        `give it one, or set whenMissing: "shared"`,
      { path: `subject.${scope}` },
    );
  }
  return applied.length === 0 ? "" : SHARED_ID;
}

/** Names the whole subject: equal for two exactly when all their ids are. */
export const queueOf = (subject: Subject): string => JSON.stringify(namedIds(subject));
