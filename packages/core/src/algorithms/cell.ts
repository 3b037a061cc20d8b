import type { WindowSequence } from "./calendar.ts";

/**
 * A cell is the state of one limit for one subject id: four integers in a flat array, so that a
 * decision over many limits touches one block of memory and makes no objects.
 *
 * | at     | fixed window                           | token bucket                         |
 * | ------ | -------------------------------------- | ------------------------------------ |
 * | `+0` x | charged in this window                 | what is missing, in 1/`scale` units  |
 * | `+1` y | when the window opened (epoch ms)      | when x was true (epoch ms)           |
 * | `+2` z | overrun carried from the window before | the `scale` x was written with       |
 * | `+3` h | part of x that reservations hold       | units that reservations hold         |
 *
 * | at     | sliding window                 | sliding log           | slots                      |
 * | ------ | ------------------------------ | --------------------- | -------------------------- |
 * | `+0` x | charged in this window         | units in force        | slots taken                |
 * | `+1` y | start of the window (epoch ms) | when last charged     | when last taken (epoch ms) |
 * | `+2` z | charged in the window before   | when the last one ends | when the last lease ends  |
 * | `+3` h | units that reservations hold   | the same              | the same as x              |
 *
 * All zero means: never charged. The last two rules also keep items; see `items.ts`.
 */
export const CELL_SIZE = 4;

/** The largest integer that JavaScript numbers, Lua doubles and 64-bit columns all keep exactly. */
export const MAX_INTEGER: number = Number.MAX_SAFE_INTEGER;

/** The rules there are, one file each. */
type Algorithm = "fixed-window" | "sliding-window" | "sliding-log" | "token-bucket" | "slots";

/** The numbers of one limit that its rule computes with; compiled once, from what the user wrote. */
export interface CellRule {
  readonly algorithm: Algorithm;
  /** Equal for two limits exactly when they meter the same thing; finds the cell in its record. */
  readonly identity: number;
  /** Units per window, the bucket's capacity, or the number of slots. */
  readonly max: number;
  /**
   * Window: its length in ms; that of a calendar window varies, and this is its usual one. Token
   * bucket: the time a refill from empty takes, rounded up. Slots: 0.
   */
  readonly windowMs: number;
  /** Fixed window: when it ends, where that is on the calendar. */
  readonly calendar: WindowSequence | undefined;
  /** Sliding window: the resolution of its waits in ms; it divides the window. */
  readonly tickMs: number;
  /** Sliding log: how many entries it may have. */
  readonly maxEntries: number;
  /** Token bucket: `refill / scale` units flow back per millisecond, in lowest terms. */
  readonly refill: number;
  /** See `refill`. */
  readonly scale: number;
  /** An overrun ends with its window instead of weighing on the next. */
  readonly forgivesDebt: boolean;
  /** Every cost is refused until the configuration changes. */
  readonly suspended: boolean;
}

/** `a + b` for non-negative integers, held at {@link MAX_INTEGER} rather than losing digits. */
export const saturatingAdd = (a: number, b: number): number =>
  a > MAX_INTEGER - b ? MAX_INTEGER : a + b;
