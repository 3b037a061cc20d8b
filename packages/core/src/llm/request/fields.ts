/** A JSON object of whatever shape. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields, which lists and bytes are not. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value);

const nothing: Fields = {};

/** The object, or an empty one, so that readers need not ask at every step. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : nothing);

/** The list, or an empty one. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The text, or `undefined`. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

/** Whether a list holds numbers, as prompts do that were tokenised by the client. */
export const isTokenList = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && typeof value[0] === "number";

const clip = (value: number): number => Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER);

/** Product of non-negative integers that remains one. */
export const times = (a: number, b: number): number => Math.min(a * b, Number.MAX_SAFE_INTEGER);

/**
 * The output cap that several fields state together, or `undefined` for none. The larger counts,
 * since nobody knows which one the server reads; a negative one is a server's way to say "no cap".
 * 0 is a cap. What is not a number is no cap either, as servers refuse it.
 */
export function capOf(...values: readonly unknown[]): number | undefined {
  let cap: number | undefined;
  for (const value of values) {
    if (typeof value !== "number" || Number.isNaN(value)) continue;
    if (value < 0) return undefined;
    cap = Math.max(cap ?? 0, clip(value));
  }
  return cap;
}

/** How many answers are asked for; 1 for everything that is not a number of at least 1. */
export const countOf = (value: unknown): number =>
  typeof value === "number" && value >= 1 ? clip(value) : 1;
