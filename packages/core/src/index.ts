export type { AccessList } from "./limiter/access-lists.ts";
export { type Clock, type Scheduler, systemClock, systemScheduler } from "./clock.ts";
export type { Cost } from "./cost.ts";
export { createLimiter } from "./limiter/create-limiter.ts";
export type { Decision } from "./decision.ts";
export type { Refusal } from "./refusal.ts";
export type { Usage } from "./usage.ts";
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
  AdjustedEvent,
  BlockedEvent,
  DecisionEvent,
  EvictedEvent,
  ForgivenEvent,
  LimiterEvent,
  Listener,
  LookupFailureEvent,
  ReconfiguredEvent,
  RecordedEvent,
  SettlementEvent,
  ShadowRefusedEvent,
  StoreFailureEvent,
  ThresholdEvent,
  WaitedEvent,
} from "./events.ts";
export { encodeKey } from "./keys.ts";
export type { Ending } from "./llm/ending.ts";
export type { MeterCallback, MeterContext, MeterOptions } from "./llm/in-process.ts";
export type { CallRequest, LlmMeter, LlmOptions, OutputGuess } from "./llm/meter.ts";
export type { CallEstimate, CallSettlement, Grant, MeteredCall } from "./llm/metered-call.ts";
export type { CallPolicy, CutPolicy, LlmPolicy } from "./llm/policy.ts";
export type { UsageSource } from "./llm/tokens.ts";
export type {
  BucketLimitInput,
  ConcurrencyLimitInput,
  LimitInput,
  LimitOptions,
  Weekday,
  WindowLimitInput,
} from "./policy/limit-input.ts";
export type {
  AcquireOptions,
  Answer,
  BlockOptions,
  CloseOptions,
  HeldReservation,
  Limiter,
  LimiterChanges,
  Mode,
  ReserveOptions,
  ResetOptions,
  SettlementOutcome,
  SettleOptions,
} from "./limiter.ts";
export type { LimiterOptions, WaitingOptions } from "./limiter/limiter-options.ts";
export {
  type MemoryStore,
  memoryStore,
  type MemoryStoreOptions,
  type MemoryStoreStats,
} from "./memory-store.ts";
export type { LimitOverride, LimitOverrides } from "./policy/override.ts";
export type { OpenCall } from "./limiter/open-calls.ts";
export type { Plan, PlanScope } from "./policy/plan.ts";
export type { Limit } from "./policy/limit.ts";
export type { Reservation } from "./reservation.ts";
export type {
  Address,
  Batch,
  BatchReply,
  Eviction,
  Forgiven,
  MaybePromise,
  OpenReservation,
  Operation,
  OperationReply,
  Settlement,
  SettlementReply,
  Store,
  StoredUsage,
  SyncStore,
} from "./store.ts";
export {
  type AgentHooks,
  agentHooks,
  type AgentHooksOptions,
  type TurnContext,
  type TurnEnd,
} from "./service/agent-hooks.ts";
export type { CallWait } from "./service/call-options.ts";
export { guard, type Guarded, type GuardOptions } from "./service/guard.ts";
export { type MethodOptions, type RateLimited, rateLimited } from "./service/rate-limited.ts";
export type { SlowDown } from "./waiting/slow-down.ts";
export type { Subject, SubjectIds } from "./subject.ts";
export type { LimitsFunction, LookupOptions, TierPolicy } from "./tiers/policy-lookup.ts";
export { tiers } from "./tiers/presets.ts";
export type { WaitingStats } from "./waiting/waiting-room.ts";
export type { WindowDuration, WindowName } from "./policy/window.ts";
