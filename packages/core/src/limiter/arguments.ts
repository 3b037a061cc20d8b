import { describeValue, TollgateError } from "../errors.ts";
import { MAX_LEASE_MS } from "../reservation.ts";

/** An argument of a method that is not usable. */
export const invalidArgument = (path: string, expected: string, value: unknown): TollgateError =>
  new TollgateError(
    "INVALID_ARGUMENT",
    `${path}: expected ${expected}, got ${describeValue(value)}`,
    { path },
  );

/** @throws TollgateError `INVALID_ARGUMENT` */
export function checkIntegerArgument(
  path: string,
  value: unknown,
  least: number,
  most: number,
): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  throw invalidArgument(path, `an integer from ${String(least)} to ${String(most)}`, value);
}

export const checkLease = (leaseMs: number): void => {
  checkIntegerArgument("leaseMs", leaseMs, 1, MAX_LEASE_MS);
};

export function checkId(path: string, id: unknown): void {
  if (typeof id !== "string" || id === "") throw invalidArgument(path, "a non-empty string", id);
}
