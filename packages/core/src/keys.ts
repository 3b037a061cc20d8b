import { createHash } from "node:crypto";

/**
 * Ids as stores see them. A canonical id is the caller's id untouched, or, where that is too long
 * to keep, `#` and its hash. Ids that happen to begin with `#` are hashed too, so whatever begins
 * with `#` was written by this file and no caller can imitate it.
 */

/** Longer ids are stored as their SHA-256. */
const MAX_ID_BYTES = 64;
// A UTF-16 unit takes at most three bytes of UTF-8: shorter ids need no counting.
const CERTAINLY_SHORT = Math.floor(MAX_ID_BYTES / 3);

/** The id of the `global` scope. */
export const GLOBAL_ID = "#global";
/** The id shared by all who have none, on limits that say `whenMissing: 'shared'`. */
export const SHARED_ID = "#unknown";

// Over UTF-16 units, because UTF-8 would turn every lone surrogate into the same character.
const hash = (text: string): string =>
  createHash("sha256").update(text, "utf16le").digest("base64url");

/** Bounds an id without letting two ids meet. Nothing is trimmed, folded or normalised. */
export function canonicalId(id: string): string {
  // 35 is "#".
  if (id.charCodeAt(0) === 35) return `#${hash(id)}`;
  if (id.length <= CERTAINLY_SHORT) return id;
  if (id.length <= MAX_ID_BYTES && Buffer.byteLength(id) <= MAX_ID_BYTES) return id;
  return `#${hash(id)}`;
}

const UNRESERVED = /^[A-Za-z0-9._~-]*$/;
const RESERVED = /[^A-Za-z0-9._~-]/gu;

// A lone surrogate has no UTF-8 form; it is written as its code unit, which no byte sequence is.
function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  if (character.length === 1 && code >= 0xd800 && code <= 0xdfff) {
    return `%u${code.toString(16).toUpperCase()}`;
  }
  let escaped = "";
  for (const byte of Buffer.from(character)) {
    escaped += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/**
 * A component of a textual key: letters, digits and `._~-` stay, everything else is percent-encoded,
 * so it can hold no separator, brace, pattern or line break. What would be longer than 64 characters
 * is replaced by its hash.
 */
export function encodeComponent(component: string): string {
  if (component.length <= MAX_ID_BYTES) {
    if (UNRESERVED.test(component)) return component;
    const escaped = component.replaceAll(RESERVED, escapeCharacter);
    if (escaped.length <= MAX_ID_BYTES) return escaped;
  }
  return `#${hash(component)}`;
}

/**
 * One string for a list of components, injective: different lists give different keys, whatever
 * bytes they hold. For stores that address records by text.
 */
export const encodeKey = (components: readonly string[]): string =>
  `${String(components.length)}:${components.map(encodeComponent).join(":")}`;

/** A fingerprint of any list of strings, for ids that must not show what they stand for. */
export const fingerprint = (parts: readonly string[]): string => hash(encodeKey(parts));

/**
 * A 48-bit integer that identifies `text`: small enough for every engine's integers. Never 0, so that
 * its negative is another one.
 */
export const identityOf = (text: string): number =>
  Math.max(1, createHash("sha256").update(text).digest().readUIntBE(0, 6));

/**
 * The same characters in memory of their own. V8 cuts strings out of larger ones without copying,
 * so an id that is kept would keep alive the header or body it was cut from.
 */
export function detached(text: string): string {
  const copy = Buffer.from(text, "latin1").toString("latin1");
  return copy === text ? copy : Buffer.from(text, "utf16le").toString("utf16le");
}
