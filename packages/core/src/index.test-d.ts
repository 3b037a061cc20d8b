import { expectTypeOf } from "expect-type";

import {
  createLimiter,
  type Decision,
  type Limiter,
  type LimiterOptions,
  type MaybePromise,
  memoryStore,
  type SettlementOutcome,
  type Store,
  type SyncStore,
  type Usage,
} from "./index.ts";

const limits = [{ type: "count", window: "minute", limit: 60 }] as const;

// Without a store, and on any synchronous one, answers are plain values.
for (const limiter of [
  createLimiter({ limits }),
  createLimiter({ limits, store: memoryStore() }),
]) {
  expectTypeOf(limiter).toEqualTypeOf<Limiter<"sync">>();
  expectTypeOf(limiter.check("alice")).toEqualTypeOf<Decision>();
  expectTypeOf(limiter.checkAndRecord({ user: "u" }, { token: 5 })).toEqualTypeOf<Decision>();
  expectTypeOf(limiter.record("alice", { count: 1 })).toEqualTypeOf<readonly Usage[]>();
  expectTypeOf(limiter.settle("r", {})).toEqualTypeOf<SettlementOutcome>();
  expectTypeOf(limiter.renew("r")).toEqualTypeOf<boolean>();
  expectTypeOf(limiter.resetExpired()).toEqualTypeOf<number>();
  expectTypeOf(limiter.close()).toEqualTypeOf<void>();
  expectTypeOf(limiter.override({})).toEqualTypeOf<Limiter<"sync">>();
}

declare const someStore: Store;
declare const syncStore: SyncStore;
declare const someOptions: LimiterOptions;

// On a store that is not known to be synchronous they may be promises.
expectTypeOf(createLimiter({ limits, store: syncStore })).toEqualTypeOf<Limiter<"sync">>();
const limiter = createLimiter({ limits, store: someStore });
expectTypeOf(limiter).toEqualTypeOf<Limiter<"async">>();
expectTypeOf(limiter.check("alice")).toEqualTypeOf<MaybePromise<Decision>>();
expectTypeOf(limiter.usage("alice")).toEqualTypeOf<MaybePromise<readonly Usage[]>>();
expectTypeOf(createLimiter(someOptions)).toEqualTypeOf<Limiter<"async">>();

// What cannot be is refused where it is written.
// @ts-expect-error no such window
createLimiter({ limits: [{ type: "count", window: "fortnight", limit: 1 }] });
// @ts-expect-error a limit without its number
createLimiter({ limits: [{ type: "count", window: "minute" }] });
// @ts-expect-error an unknown option
createLimiter({ limts: [] });
// @ts-expect-error a cost has to be said
createLimiter({ limits }).record("alice");

expectTypeOf<Decision["retryAfterMs"]>().toEqualTypeOf<number | undefined>();
expectTypeOf<Decision["outcome"]>().toEqualTypeOf<"admitted" | "refused" | "impossible">();
