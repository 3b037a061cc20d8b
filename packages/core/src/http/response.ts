import { type Decision, decisiveRefusal } from "../decision.ts";
import { ietfFields } from "./fields/ietf.ts";
import { draft6Fields, draft7Fields, xRateLimitFields } from "./fields/legacy.ts";
import { ceilSeconds } from "./fields/numbers.ts";
import type { Fields, QuotaPolicy, QuotaReport } from "./fields/quota.ts";
import { quotaProblem } from "./fields/refusal.ts";
import type { HeaderSettings } from "./header-options.ts";
import {
  exposeFields,
  type FieldChanges,
  mergeRateLimitFields,
  mergeRetryAfter,
  type ResponseField,
} from "./merge.ts";
import { reportOf } from "./report.ts";

/** From this wait on, SDKs either ignore `Retry-After` or sleep for all of it: they are told to stop. */
const LONG_WAIT_SECONDS = 60;

/** What a refused request is answered with. */
export interface RefusalResponse {
  readonly status: number;
  readonly fields: FieldChanges;
  /** A JSON value, to be sent as `application/problem+json`. */
  readonly body: Readonly<Record<string, unknown>>;
}

function rateLimitFields(report: QuotaReport, { formats, reset }: HeaderSettings): Fields {
  return {
    ...(formats.has("ietf") ? ietfFields(report) : {}),
    ...(formats.has("draft-7") ? draft7Fields(report) : {}),
    ...(formats.has("draft-6") ? draft6Fields(report) : {}),
    ...(formats.has("x-ratelimit") ? xRateLimitFields(report, reset) : {}),
  };
}

// Pages of other origins read no field that is not named; requests of the own origin have no Origin.
function exposure(
  fields: FieldChanges,
  { expose }: HeaderSettings,
  crossOrigin: boolean,
  before: ResponseField,
): FieldChanges {
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined);
  const list = expose && crossOrigin ? exposeFields(names, before) : undefined;
  return list === undefined ? {} : { "Access-Control-Expose-Headers": list };
}

/** The fields of an admitted request. */
export function admittedFields(
  decision: Decision,
  policies: ReadonlyMap<string, QuotaPolicy>,
  settings: HeaderSettings,
  crossOrigin: boolean,
  before: ResponseField,
): FieldChanges {
  if (settings.emit !== "always" || policies.size === 0) return {};
  const ours = rateLimitFields(reportOf(decision, policies, settings), settings);
  const ietf = settings.formats.has("ietf");
  const fields = mergeRateLimitFields(ours, before, { ietf, denied: false });
  return { ...fields, ...exposure(fields, settings, crossOrigin, before) };
}

// Validators and lifetimes belong to the answer that was not given (RFC 9111 §3, RFC 6585 §4).
const notStored: FieldChanges = {
  "Cache-Control": "no-store",
  ETag: undefined,
  "Last-Modified": undefined,
  Expires: undefined,
};

/** The answer to a refused or impossible request. */
export function refusalResponse(
  decision: Decision,
  policies: ReadonlyMap<string, QuotaPolicy>,
  settings: HeaderSettings,
  crossOrigin: boolean,
  before: ResponseField,
  impossibleStatus: number,
): RefusalResponse {
  const report = reportOf(decision, policies, settings);
  const waitSeconds =
    decision.retryAfterMs === undefined
      ? undefined
      : Math.min(Math.max(1, ceilSeconds(decision.retryAfterMs)), settings.maxRetryAfterSeconds);
  const told = mergeRetryAfter(waitSeconds === undefined ? undefined : String(waitSeconds), before);
  const quota = settings.emit === "never" ? {} : rateLimitFields(report, settings);
  const ietf = settings.formats.has("ietf");
  const fields: FieldChanges = {
    ...mergeRateLimitFields(quota, before, { ietf, denied: true }),
    "Retry-After": told,
    ...(told === undefined || Number(told) >= LONG_WAIT_SECONDS
      ? { "x-should-retry": "false" }
      : {}),
  };
  const problem = quotaProblem(report);
  const status = decision.outcome === "impossible" ? impossibleStatus : problem.status;
  return {
    status,
    fields: { ...fields, ...notStored, ...exposure(fields, settings, crossOrigin, before) },
    body: { ...problem, status, ...explain(decision, policies) },
  };
}

// The numbers of the limit that decides, if it may be shown; never anybody else's.
function explain(
  decision: Decision,
  policies: ReadonlyMap<string, QuotaPolicy>,
): Readonly<Record<string, unknown>> {
  const decisive = decisiveRefusal(decision.refusals);
  const policy = decisive === undefined ? undefined : policies.get(decisive.limit);
  const wait = decision.retryAfterMs === undefined ? {} : { retry_after_ms: decision.retryAfterMs };
  if (decisive === undefined || policy === undefined) {
    return { detail: "A limit of this service refused the request.", ...wait };
  }
  return {
    detail: decision.reason,
    policy: policy.name,
    unit: policy.unit,
    limit: decisive.max,
    remaining: decisive.remaining,
    requested: decisive.requested,
    ...wait,
  };
}

/** The answer when the store cannot be asked: the service is short of capacity, not the caller over quota. */
export function outageResponse(
  retryAfterSeconds: number,
  settings: HeaderSettings,
  crossOrigin: boolean,
  before: ResponseField,
): RefusalResponse {
  const fields = { "Retry-After": String(retryAfterSeconds) };
  return {
    status: 503,
    fields: { ...fields, ...notStored, ...exposure(fields, settings, crossOrigin, before) },
    body: {
      type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
      title: "Temporary Reduced Capacity",
      status: 503,
      detail: "The limits of this service cannot be checked at the moment.",
    },
  };
}

/** The answer to a request that lacks an id which a limit needs. */
export function missingIdResponse(detail: string): RefusalResponse {
  return {
    status: 400,
    fields: notStored,
    body: { type: "about:blank", title: "Bad Request", status: 400, detail, code: "MISSING_SCOPE" },
  };
}
