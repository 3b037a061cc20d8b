/** Longer names exist nowhere, and a name becomes part of keys and labels. */
const MAX_MODEL_LENGTH = 128;

/** Of an id that a client invents, as much as a key may carry. */
const MAX_ID_LENGTH = 256;

// eslint-disable-next-line no-control-regex -- they are what has to go
const unprintable = /[\u0000-\u0020\u007f-\u00a0\u2028\u2029\ufeff]+/g;

const tidy = (name: string): string =>
  name
    .slice(0, 4 * MAX_MODEL_LENGTH)
    .replace(unprintable, "")
    .toLowerCase();

/** `models/…` of Gemini and the front of an ARN say where a model is, not which one. */
const bare = (name: string): string =>
  name.startsWith("arn:") || name.startsWith("models/")
    ? name.slice(name.lastIndexOf("/") + 1)
    : name;

/**
 * The name of a model as keys and tables use it: an alias resolved, lower case, no blanks, at most
 * 128 characters. The text comes from the client, so that it still has to pass an allow-list
 * before it may make a counter of its own.
 */
export function modelName(
  named: string | undefined,
  aliases: Readonly<Record<string, string>> = {},
): string | undefined {
  if (named === undefined) return undefined;
  const candidates = [named, tidy(named), bare(tidy(named))];
  const alias = candidates.find((name) => Object.hasOwn(aliases, name));
  const name = bare(tidy((alias === undefined ? undefined : aliases[alias]) ?? named));
  return name === "" ? undefined : name.slice(0, MAX_MODEL_LENGTH);
}

/** An id that a body names, cut to what a key may carry. */
export const clippedId = (id: string | undefined): string | undefined =>
  id === undefined || id === "" ? undefined : id.slice(0, MAX_ID_LENGTH);
