export { DEFAULT_IPV6_PREFIX, normaliseAddress } from "./address.ts";
export type { CountWhen } from "./count-when.ts";
export type { DialectName, DialectOption } from "./dialects/dialect.ts";
export { ietfFields } from "./fields/ietf.ts";
export { draft6Fields, draft7Fields, xRateLimitFields } from "./fields/legacy.ts";
export {
  checkPolicies,
  type Fields,
  type QuotaPolicy,
  type QuotaReport,
  type QuotaState,
} from "./fields/quota.ts";
export {
  type Problem,
  quotaProblem,
  type RefusalKind,
  retryAfterSeconds,
} from "./fields/refusal.ts";
export type { RequestFacts, Verdict } from "./facts.ts";
export { createGate, type Gate } from "./gate.ts";
export type {
  CostContext,
  RateLimitOptions,
  RefusedAnswer,
  RefusedContext,
  RouteOptions,
} from "./options.ts";
export type { TollgateHandle } from "./handle.ts";
export type { HeaderFormat, HeaderOptions } from "./header-options.ts";
export type { Identity, StandardIds } from "./identity.ts";
export {
  exposeFields,
  type FieldChanges,
  longerWait,
  mergeRateLimitFields,
  type ResponseField,
  type Wait,
} from "./merge.ts";
export { nodeExchange } from "./node-exchange.ts";
export { follow } from "./node-response.ts";
export type { ReadHeader, ResponseObserver } from "./observer.ts";
export type { RefusalResponse } from "./response.ts";
export type { ProxyTrust } from "./warnings.ts";
