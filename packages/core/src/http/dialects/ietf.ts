import { ietfFields } from "../fields/ietf.ts";
import { draft6Fields, draft7Fields, xRateLimitFields } from "../fields/legacy.ts";
import type { Fields, QuotaReport } from "../fields/quota.ts";
import { quotaProblem } from "../fields/refusal.ts";
import type { HeaderSettings } from "../header-options.ts";
import { type FieldChanges, mergeRateLimitFields, type ResponseField } from "../merge.ts";
import type { Body, Dialect, Refusal } from "./dialect.ts";
import { withoutLimit } from "./message.ts";

function fieldsOf(report: QuotaReport, { formats, reset }: HeaderSettings): Fields {
  return {
    ...(formats.has("ietf") ? ietfFields(report) : {}),
    ...(formats.has("draft-7") ? draft7Fields(report) : {}),
    ...(formats.has("draft-6") ? draft6Fields(report) : {}),
    ...(formats.has("x-ratelimit") ? xRateLimitFields(report, reset) : {}),
  };
}

/** The fields that the `headers` option names, brought together with those on the response. */
export function genericFields(
  report: QuotaReport,
  settings: HeaderSettings,
  before: ResponseField,
  denied: boolean,
): FieldChanges {
  const ietf = settings.formats.has("ietf");
  return mergeRateLimitFields(fieldsOf(report, settings), before, { ietf, denied });
}

function refusalBody({ decision, report, status, limit }: Refusal): Body {
  const { retryAfterMs: waitMs } = decision;
  const wait = waitMs === undefined ? {} : { retry_after_ms: waitMs };
  const problem = { ...quotaProblem(report), status };
  if (limit === undefined) {
    return { ...problem, detail: withoutLimit(decision), ...wait };
  }
  return {
    ...problem,
    detail: decision.reason,
    policy: limit.name,
    unit: limit.unit,
    limit: limit.max,
    remaining: limit.remaining,
    requested: limit.requested,
    ...wait,
  };
}

/** The fields of the `headers` option, and problem documents (RFC 9457). */
export const ietfDialect: Dialect = {
  contentType: "application/problem+json",
  exactWaits: false,
  fields: genericFields,
  refusal: refusalBody,
  outage: (detail) => ({
    type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    title: "Temporary Reduced Capacity",
    status: 503,
    detail,
  }),
  rejected: (status, detail, code) => ({
    type: "about:blank",
    title: status === 400 ? "Bad Request" : "Forbidden",
    status,
    detail,
    code,
  }),
};
