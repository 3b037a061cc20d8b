import { ceilSeconds } from "./numbers.ts";
import { byUrgency } from "./order.ts";
import type { QuotaReport } from "./quota.ts";

/**
 * `Retry-After` in delay-seconds (RFC 9110 §10.2.3): the longest wait among the denied policies, at
 * least 1, since several clients take 0 for an invitation. `undefined` when nobody knows, or when
 * waiting does not help.
 */
export function retryAfterSeconds(report: QuotaReport): number | undefined {
  const denied = report.states.filter(({ allowed }) => !allowed);
  const waitsMs = denied.flatMap(({ retryAfterMs, resetMs }) => retryAfterMs ?? resetMs ?? []);
  if (waitsMs.length === 0 || denied.some(({ retryable }) => !retryable)) return undefined;
  const seconds = Math.max(1, ceilSeconds(Math.max(...waitsMs)));
  return Math.min(seconds, report.maxRetryAfterSeconds ?? Number.POSITIVE_INFINITY);
}

/** Why a request is turned away, as a problem type of the draft (§5). */
export type RefusalKind = "quota" | "capacity" | "abuse";

const problems = {
  quota: { fragment: "quota-exceeded", title: "Quota Exceeded", status: 429 },
  capacity: {
    fragment: "temporary-reduced-capacity",
    title: "Temporary Reduced Capacity",
    status: 503,
  },
  abuse: { fragment: "abnormal-usage-detected", title: "Abnormal Usage Detected", status: 429 },
} as const;

/** An RFC 9457 problem. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly "violated-policies": readonly string[];
}

/** The problem a refusal is reported as, with the denied policies in the order of urgency. */
export function quotaProblem(report: QuotaReport, kind: RefusalKind = "quota"): Problem {
  const { fragment, title, status } = problems[kind];
  const denied = byUrgency(report).filter(({ allowed }) => !allowed);
  return {
    type: `https://iana.org/assignments/http-problem-types#${fragment}`,
    title,
    status,
    "violated-policies": [...new Set(denied.map(({ policy }) => policy.name))],
  };
}
