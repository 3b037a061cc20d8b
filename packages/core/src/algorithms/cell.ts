/**
 * A cell is the state of one limit for one subject id: four integers in a flat array, so that a
 * decision over many limits touches one block of memory and makes no objects.
 *
 * | at     | fixed window                           | token bucket                         |
 * | ------ | -------------------------------------- | ------------------------------------ |
 * | `+0` x | charged in this window                 | what is missing, in 1/`scale` units  |
 * | `+1` y | start of the window (epoch ms)         | when x was true (epoch ms)           |
 * | `+2` z | overrun carried from the window before | the `scale` x was written with       |
 * | `+3` h | part of x that reservations hold       | units that reservations hold         |
 *
 * All zero means: never charged.
 */
export const CELL_SIZE = 4;

/** The largest integer that JavaScript numbers, Lua doubles and 64-bit columns all keep exactly. */
export const MAX_INTEGER: number = Number.MAX_SAFE_INTEGER;

/** The numbers of one limit that its rule computes with; compiled once, from what the user wrote. */
export interface CellRule {
  readonly algorithm: "fixed-window" | "token-bucket";
  /** Units per window, or the bucket's capacity. */
  readonly max: number;
  /** Fixed window: its length in ms. Token bucket: the time a refill from empty takes, rounded up. */
  readonly windowMs: number;
  /** Token bucket: `refill / scale` units flow back per millisecond, in lowest terms. */
  readonly refill: number;
  /** See `refill`. */
  readonly scale: number;
  /** An overrun ends with its window instead of being carried into the next. */
  readonly forgivesDebt: boolean;
  /** Every cost is refused until the configuration changes. */
  readonly suspended: boolean;
}

/** `a + b` for non-negative integers, held at {@link MAX_INTEGER} rather than losing digits. */
export const saturatingAdd = (a: number, b: number): number =>
  a > MAX_INTEGER - b ? MAX_INTEGER : a + b;
