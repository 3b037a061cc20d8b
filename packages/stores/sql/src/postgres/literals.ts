/**
 * Arrays go to the database and come from it as texts. Drivers differ in which types they know, users
 * can change it, and a text that is made and read here is also the fastest.
 */

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;

/** The literal of a `text[]`. */
export const textArray = (texts: readonly string[]): string => `{${texts.map(quoted).join(",")}}`;

/** The literal of a `bigint[]`. */
export const numberArray = (numbers: readonly number[]): string => `{${numbers.join(",")}}`;

/** A column that is a text, which the statements see to. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError(`expected a text from the database, got ${typeof value}`);
}

/** An integer that came as text: 64 bits can hold more than a number can. */
export function integerOf(text: string): number {
  const number = Number(text);
  if (text !== "" && Number.isSafeInteger(number)) return number;
  throw new TypeError(`not an integer that JavaScript can hold: ${text}`);
}

/** The numbers of the text of a `bigint[]`. */
export const numbersOf = (text: string): number[] =>
  text === "{}" ? [] : text.slice(1, -1).split(",").map(integerOf);

/** What `to_json` made of a `text[]`. */
export function textsOf(value: unknown): readonly (string | null)[] {
  if (value === null) return [];
  const texts: unknown = JSON.parse(textOf(value));
  if (!Array.isArray(texts)) throw new TypeError("expected an array from the database");
  return texts.map((text: unknown) => (text === null ? null : textOf(text)));
}
