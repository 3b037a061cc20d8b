import type { Decision } from "../decision.ts";
import { decisiveRefusal } from "../refusal.ts";
import type { Body, Dialect, Refusal, ShownLimit } from "./dialects/dialect.ts";
import { kindOf } from "./dialects/quotas.ts";
import type { QuotaPolicy } from "./fields/quota.ts";
import type { HeaderSettings } from "./header-options.ts";
import { exposeFields, type FieldChanges, longerWait, type ResponseField } from "./merge.ts";
import { reportOf } from "./report.ts";
import { LONG_WAIT_SECONDS, waitOf } from "./wait.ts";

/** What a refused request is answered with. */
export interface RefusalResponse {
  readonly status: number;
  readonly fields: FieldChanges;
  /** A JSON value, to be sent as `contentType`. */
  readonly body: Body;
  readonly contentType: Dialect["contentType"];
}

/** What responses to one request are made for. */
export interface ResponseContext {
  readonly dialect: Dialect;
  readonly settings: HeaderSettings;
  /** The limits that may be shown, by name. */
  readonly policies: ReadonlyMap<string, QuotaPolicy>;
  readonly crossOrigin: boolean;
  /** What the response already says. */
  readonly before: ResponseField;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** Statuses of refusals that no short wait cures; all others are 429. */
export interface RefusalStatuses {
  readonly impossible: number;
  readonly longWait: number;
}

// Pages of other origins read no field that is not named; requests of the own origin have no Origin.
function exposure(
  fields: FieldChanges,
  { settings, crossOrigin, before }: ResponseContext,
): FieldChanges {
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined);
  const list = settings.expose && crossOrigin ? exposeFields(names, before) : undefined;
  return list === undefined ? {} : { "Access-Control-Expose-Headers": list };
}

/** The fields of an admitted request. */
export function admittedFields(decision: Decision, context: ResponseContext): FieldChanges {
  const { dialect, settings, policies, before } = context;
  if (settings.emit !== "always" || policies.size === 0) return {};
  const report = reportOf(decision, policies, settings);
  const fields = dialect.fields(report, settings, before, false);
  return { ...fields, ...exposure(fields, context) };
}

// Validators and lifetimes belong to the answer that was not given (RFC 9111 §3, RFC 6585 §4).
const notStored: FieldChanges = {
  "Cache-Control": "no-store",
  ETag: undefined,
  "Last-Modified": undefined,
  Expires: undefined,
};

/** The numbers of the limit that decides, if it may be shown; never anybody else's. */
function shownLimit(
  decision: Decision,
  policies: ResponseContext["policies"],
): ShownLimit | undefined {
  const decisive = decisiveRefusal(decision.refusals);
  const policy = decisive === undefined ? undefined : policies.get(decisive.limit);
  if (decisive === undefined || policy === undefined) return undefined;
  const { remaining, max, requested } = decisive;
  const usage = decision.usages.find(({ limit }) => limit === decisive.limit);
  const kind = kindOf(policy);
  return {
    name: policy.name,
    unit: policy.unit,
    countsTokens: kind !== undefined && kind !== "requests",
    max,
    used: usage?.current ?? max - remaining,
    remaining,
    requested,
  };
}

function kindOfRefusal(decision: Decision, toldSeconds: number | undefined): Refusal["kind"] {
  if (decision.outcome === "impossible") return "impossible";
  if (toldSeconds === undefined) return "barred";
  return toldSeconds >= LONG_WAIT_SECONDS ? "long" : "short";
}

/** The answer to a request whose sender is on the deny list: no limit is spoken of. */
const deniedResponse = (context: ResponseContext): RefusalResponse => ({
  status: 403,
  fields: { ...notStored, "x-should-retry": "false" },
  body: context.dialect.rejected(403, "This service does not serve the caller.", "DENIED"),
  contentType: context.dialect.contentType,
});

/** The answer to a refused or impossible request. */
export function refusalResponse(
  decision: Decision,
  context: ResponseContext,
  statuses: RefusalStatuses,
): RefusalResponse {
  if (decision.deniedBy !== undefined) return deniedResponse(context);
  const { dialect, settings, policies, before, random = Math.random } = context;
  const { retryAfterMs } = decision;
  const { maxRetryAfterSeconds, emit } = settings;
  const own =
    retryAfterMs === undefined
      ? undefined
      : waitOf(retryAfterMs, maxRetryAfterSeconds, dialect.exactWaits, random);
  const told = longerWait(own, before);
  const kind = kindOfRefusal(decision, told?.seconds);
  const status =
    kind === "impossible" ? statuses.impossible : kind === "short" ? 429 : statuses.longWait;
  const report = reportOf(decision, policies, settings);
  const fields: FieldChanges = {
    ...(emit === "never" ? {} : dialect.fields(report, settings, before, true)),
    ...waitFields(told),
    // `true` would make SDKs retry whatever the status, so it does not stay either.
    "x-should-retry":
      kind !== "short" || before("x-should-retry") === "false" ? "false" : undefined,
  };
  const limit = shownLimit(decision, policies);
  // Somebody else's wait is longer, and known in its fields only.
  const waitMs = told === undefined || told === own ? retryAfterMs : told.seconds * 1000;
  return {
    status,
    fields: { ...fields, ...notStored, ...exposure(fields, context) },
    body: dialect.refusal({ decision, report, status, kind, waitMs, limit, before }),
    contentType: dialect.contentType,
  };
}

const text = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

const waitFields = (wait: ReturnType<typeof longerWait>): FieldChanges => ({
  "Retry-After": text(wait?.seconds),
  "retry-after-ms": text(wait?.ms),
});

/** The answer when the store cannot be asked: the service is short of capacity, not the caller over quota. */
export function outageResponse(
  retryAfterSeconds: number,
  context: ResponseContext,
): RefusalResponse {
  const { dialect, settings, random = Math.random } = context;
  const { maxRetryAfterSeconds: cap } = settings;
  const fields = waitFields(waitOf(retryAfterSeconds * 1000, cap, dialect.exactWaits, random));
  return {
    status: 503,
    fields: { ...fields, ...notStored, ...exposure(fields, context) },
    body: dialect.outage("The limits of this service cannot be checked at the moment."),
    contentType: dialect.contentType,
  };
}

/** The answer to a request that lacks an id which a limit needs. */
export const missingIdResponse = (
  detail: string,
  { dialect }: ResponseContext,
): RefusalResponse => ({
  status: 400,
  fields: notStored,
  body: dialect.rejected(400, detail, "MISSING_SCOPE"),
  contentType: dialect.contentType,
});
