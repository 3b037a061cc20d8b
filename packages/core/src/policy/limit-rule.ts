import type { CellRule } from "../algorithms/cell.ts";

/** The rule of a limit: the numbers it computes with, and what it is called by. */
export interface LimitRule {
  readonly numbers: Pick<
    CellRule,
    "algorithm" | "max" | "windowMs" | "calendar" | "tickMs" | "maxEntries" | "refill" | "scale"
  >;
  /** As configured; `undefined` where there is none. */
  readonly window: string | undefined;
  /** What the derived name says about the rule; empty where the type says it all. */
  readonly label: string;
  /** What makes it another meter than one of the same type. */
  readonly period: string;
}

/** What a limit says, not checked yet. */
export type LimitFields = Readonly<Record<string, unknown>>;

/** What an integer of a header field can hold (RFC 9651 §3.3.1). */
export const MAX_LIMIT = 999_999_999_999_999;

/** The numbers of rules that do without them. */
export const noNumbers = {
  calendar: undefined,
  tickMs: 1,
  maxEntries: 0,
  refill: 1,
  scale: 1,
} as const;
