import type { Decision } from "./decision.ts";

/**
 * Every code a {@link TollgateError} can carry, with what it means.
 * The list is closed: a new code is a new feature.
 */
export const errorCodes = {
  INVALID_CONFIG: "a configuration value is not usable; thrown where it is given, or was looked up",
  INVALID_COST: "an amount is not a non-negative safe integer, or names a type no limit meters",
  INVALID_SUBJECT: "an id is not a string, or the subject is neither a string nor an object",
  INVALID_ARGUMENT: "another argument of a method is not usable",
  MISSING_SCOPE: "the subject has no id for a scope that a limit needs",
  RESERVATION_CONFLICT: "the reservation id is on record for another cost",
  RESERVATIONS_FULL: "the store holds as many live reservations as it may",
  STORE_OVERLOADED: "as many calls wait for the store as may; `cause` of a STORE_FAILED",
  STORE_FAILED: "the store could not answer; `cause` says why",
  LOOKUP_FAILED: "what the subject may spend could not be looked up; `cause` says why",
  LIMITER_CLOSED: "the limiter was used after close()",
  REFUSED: "a decision refused the call; `decision` says by which limits",
} as const;

/** See {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** What a {@link TollgateError} is made of. */
export interface TollgateErrorOptions {
  /** Where the offending value stands, as `limits[2].window`. */
  readonly path?: string;
  /** The decision behind a `REFUSED`. */
  readonly decision?: Decision;
  /** What made it fail, where something else did. */
  readonly cause?: unknown;
}

// A symbol from the global registry, not `instanceof`: the ESM and the CommonJS build of this
// package may both be loaded, and each has its own class.
const brand = Symbol.for("tollgate.error");

/** The one error class of Tollgate. Branch on `code`. */
export class TollgateError extends Error {
  readonly code: ErrorCode;
  readonly path: string | undefined;
  readonly decision: Decision | undefined;

  constructor(code: ErrorCode, message: string, options: TollgateErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "TollgateError";
    this.code = code;
    this.path = options.path;
    this.decision = options.decision;
  }
}

Object.defineProperty(TollgateError.prototype, brand, { value: true });

/** Whether `error` itself is a {@link TollgateError}, of this or another loaded copy of the package. */
export const isTollgateError = (error: unknown): error is TollgateError =>
  typeof error === "object" && error !== null && brand in error;

/** The decision carried by `error` or by anything in its `cause` chain, if there is one. */
export function getDecision(error: unknown): Decision | undefined {
  let link = error;
  // Bounded, because a cause chain can be a ring.
  for (let depth = 0; depth < 32 && typeof link === "object" && link !== null; depth += 1) {
    if (isTollgateError(link) && link.decision !== undefined) return link.decision;
    link = "cause" in link ? link.cause : undefined;
  }
  return undefined;
}

/** Whether `error`, or anything in its `cause` chain, is a refusal by a limit. */
export const isRateLimitError = (error: unknown): boolean => getDecision(error) !== undefined;

/** A refused decision as an exception, for those who prefer to throw. */
export const rateLimitError = (decision: Decision): TollgateError =>
  new TollgateError("REFUSED", decision.reason ?? "refused", { decision });

/** How a received value reads in a message: short, typed, never a whole document. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "string") {
    return value.length > 60
      ? `a string of ${String(value.length)} characters`
      : `string ${JSON.stringify(value)}`;
  }
  if (typeof value === "number" || typeof value === "boolean")
    return `${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return `an array of ${String(value.length)}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A configuration error: where, what was expected, what came. */
export const configError = (path: string, expected: string, received: unknown): TollgateError =>
  new TollgateError(
    "INVALID_CONFIG",
    `${path}: expected ${expected}, got ${describeValue(received)}`,
    { path },
  );
