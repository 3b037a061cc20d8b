import type { Subject } from "../subject.ts";
import type { WindowDuration, WindowName } from "./window.ts";

/** What every limit may say, whatever its rule. */
export interface LimitOptions {
  /** The unit it meters: `count` (requests), `token`, or any name of yours. */
  readonly type: string;
  /**
   * Whose usage is added up: `tenant`, `user`, `session`, `ip`, `global`, `caller` or any name.
   * @default the limiter's `scope`, which is `caller`
   */
  readonly scope?: string;
  /**
   * Unique among the limits of a limiter; shown in headers, errors and events.
   * @default what it limits, such as `token-per-day-user`
   */
  readonly name?: string;
  /**
   * `null` takes the scope out of its tenant: one user id is then one user across all tenants.
   * @default 'tenant' for `user`, `session` and custom scopes
   */
  readonly within?: "tenant" | null;
  /**
   * When the subject has no id for the scope: `reject` is a `MISSING_SCOPE` error, `shared` counts
   * all such calls together. A shadow limit that says `reject` does not apply to them.
   * @default 'reject'
   */
  readonly whenMissing?: "reject" | "shared";
  /** The limit applies only to subjects for which this returns true. @default every subject */
  readonly when?: (subject: Subject) => boolean;
  /** `forgive` ends an overrun with its window. @default 'carry', but 'forgive' for a shadow limit */
  readonly debt?: "carry" | "forgive";
  /** Refuses every cost, without a time to retry. @default false */
  readonly suspended?: boolean;
  /**
   * Evaluated, charged and reported, but never a reason to refuse: to try a limit out.
   * @default false
   */
  readonly shadow?: boolean;
  /**
   * Whether HTTP headers show the limit.
   * @default true, but false for scope `global` and for a shadow limit
   */
  readonly advertise?: boolean;
}

/** At most `limit` units per `window`. */
export interface WindowLimitInput extends LimitOptions {
  readonly window: WindowName | WindowDuration;
  /** Units per window: a positive integer below 10^15. */
  readonly limit: number;
  /**
   * - `fixed`: the window opens at a subject's first charge and ends at once.
   * - `sliding`: it moves with time, approximated by two counters; nearly as cheap as `fixed`.
   * - `sliding-log`: it moves with time, exactly, remembering up to `maxEntries` charges.
   *
   * @default 'fixed'
   */
  readonly algorithm?: "fixed" | "sliding" | "sliding-log";
  /** `sliding-log` only: how many charges are told apart, 1 to 10000. @default 1000 */
  readonly maxEntries?: number;
  /**
   * `calendar`: real hours, days, weeks or months instead of windows that open at the first charge.
   * With `algorithm: 'fixed'` and a window by name, `hour` to `month`.
   */
  readonly align?: "calendar";
  /** Calendar only: the IANA zone whose clock is meant. @default 'UTC' */
  readonly timeZone?: string;
  /** Calendar weeks only: the day they begin on. @default 'monday' */
  readonly weekStart?: Weekday;
  /**
   * Calendar months only: the day they begin on, 1 to 31, or the last day of shorter months.
   * @default 1
   */
  readonly monthStart?: number;
}

/** A day of the week. */
export type Weekday =
  | "sunday"
  | "monday"
  | "tuesday"
  | "wednesday"
  | "thursday"
  | "friday"
  | "saturday";

/** A token bucket: starts full at `capacity` and refills at `rate` per second. */
export interface BucketLimitInput extends LimitOptions {
  /** Units per second, with up to six decimals. */
  readonly rate: number;
  /** The largest burst: a positive integer below 10^15. */
  readonly capacity: number;
}

/**
 * At most `limit` calls at one time: each takes a slot while it holds a reservation, and no longer
 * than its lease.
 */
export interface ConcurrencyLimitInput extends LimitOptions {
  readonly type: "concurrency";
  /** Slots: an integer from 1 to 10000. */
  readonly limit: number;
}

/** One limit as it is written in a configuration. */
export type LimitInput = WindowLimitInput | BucketLimitInput | ConcurrencyLimitInput;
