export { type Clock, systemClock } from "./clock.ts";
export type { Cost } from "./cost.ts";
export type { Decision, Refusal, Usage } from "./decision.ts";
export {
  type ErrorCode,
  errorCodes,
  getDecision,
  isRateLimitError,
  isTollgateError,
  rateLimitError,
  TollgateError,
  type TollgateErrorOptions,
} from "./errors.ts";
export type {
  DecisionEvent,
  EvictedEvent,
  ForgivenEvent,
  LimiterEvent,
  Listener,
  RecordedEvent,
  SettlementEvent,
  StoreFailureEvent,
} from "./events.ts";
export { encodeKey } from "./keys.ts";
export {
  type Answer,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type Mode,
  type ReserveOptions,
  type ResetOptions,
  type SettlementOutcome,
} from "./limiter.ts";
export {
  type MemoryStore,
  memoryStore,
  type MemoryStoreOptions,
  type MemoryStoreStats,
} from "./memory-store.ts";
export type { LimitOverride, LimitOverrides } from "./override.ts";
export type { Plan, PlanScope } from "./plan.ts";
export type { BucketLimitInput, Limit, LimitInput, WindowLimitInput } from "./policy.ts";
export type { Reservation } from "./reservation.ts";
export type {
  Address,
  Batch,
  BatchReply,
  Eviction,
  Forgiven,
  MaybePromise,
  Operation,
  OperationReply,
  Settlement,
  SettlementReply,
  Store,
  SyncStore,
} from "./store.ts";
export type { Subject, SubjectIds } from "./subject.ts";
export type { WindowDuration, WindowName } from "./window.ts";
