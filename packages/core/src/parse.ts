import { configError } from "./errors.ts";

/** A plain object's own enumerable entries, however it was made. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const WORD = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

// A key that is no word is quoted: an empty one would leave the path empty.
const pathTo = (path: string, key: string): string =>
  /^[\w-]+$/.test(key)
    ? `${path}${path === "" ? "" : "."}${key}`
    : `${path}[${JSON.stringify(key)}]`;

/** Refuses keys that nobody reads, so that a typing slip is not silently no limit at all. */
export function rejectUnknownKeys(
  value: Record<string, unknown>,
  known: readonly string[],
  path: string,
): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw configError(pathTo(path, key), `only the options ${known.join(", ")}`, value[key]);
    }
  }
}

/** A name that can be a property, part of a key and a word in a header. */
export function parseWord(value: unknown, path: string, what: string): string {
  // A name that every object has would be found on subjects and costs that never mention it.
  if (typeof value === "string" && WORD.test(value) && !(value in Object.prototype)) return value;
  throw configError(
    path,
    `${what}: a letter, then up to 63 letters, digits, ".", "_" or "-"`,
    value,
  );
}

/** A whole number within bounds. @param what what the number means, for the message */
export function parseInteger(
  value: unknown,
  path: string,
  what: string,
  least: number,
  most: number,
): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw configError(path, `${what}: an integer from ${String(least)} to ${String(most)}`, value);
}

/** The meaning of a value that is one of few; `undefined` is the choice of who says nothing. */
export function parseChoice<T>(value: unknown, path: string, choices: ReadonlyMap<unknown, T>): T {
  const choice = choices.get(value);
  if (choice !== undefined) return choice;
  const names = [...choices.keys()].filter((name) => name !== undefined);
  throw configError(path, `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`, value);
}

/** The choices of a switch. */
export const flag = (standard: boolean): ReadonlyMap<unknown, boolean> =>
  new Map([
    [undefined, standard],
    [true, true],
    [false, false],
  ]);
