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
export type { Ending } from "./llm/ending.ts";
export type { MeterCallback, MeterContext, MeterOptions } from "./llm/in-process.ts";
export type { CallRequest, LlmMeter, LlmOptions, OutputGuess } from "./llm/meter.ts";
export type { CallEstimate, CallSettlement, Grant, MeteredCall } from "./llm/metered-call.ts";
export type { CallPolicy, CutPolicy, LlmPolicy } from "./llm/policy.ts";
export type { UsageSource } from "./llm/tokens.ts";
export {
  type Answer,
  type CloseOptions,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type Mode,
  type ReserveOptions,
  type ResetOptions,
  type SettlementOutcome,
  type SettleOptions,
} from "./limiter.ts";
export {
  type MemoryStore,
  memoryStore,
  type MemoryStoreOptions,
  type MemoryStoreStats,
} from "./memory-store.ts";
export type { LimitOverride, LimitOverrides } from "./override.ts";
export type { OpenCall } from "./open-calls.ts";
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
