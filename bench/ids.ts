import { randomBytes } from "node:crypto";

/** A random id of 20 bytes. */
export const randomId = (): string => randomBytes(15).toString("base64url");

/** So many different ids. */
export const randomIds = (count: number): readonly string[] =>
  Array.from({ length: count }, randomId);

/** One id after the other, in steps of a prime: neither in order nor with the cost of a random one. */
export const pick = (ids: readonly string[], call: number): string =>
  ids[(call * 7919) % ids.length] ?? "";
