/** A picture or a file as it stands in a body: base64 with or without a data URL around it, or bytes. */
export type MediaSource = string | Uint8Array;

/** The part of a data URL before its comma; longer ones are not believed. */
const MAX_URL_HEAD = 256;

interface Embedded {
  /** Media type of a data URL, in lower case. */
  readonly type: string | undefined;
  /** Where the base64 begins in the text. */
  readonly from: number;
}

/** Where the base64 of a text begins, or `undefined` for a remote URL and for data in other encodings. */
export function embeddedIn(text: string): Embedded | undefined {
  const head = text.slice(0, MAX_URL_HEAD);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(head)?.[1]?.toLowerCase();
  if (scheme === undefined) return { type: undefined, from: 0 };
  const comma = head.indexOf(",");
  if (scheme !== "data" || comma === -1) return undefined;
  const [type = "", ...parameters] = head.slice(5, comma).toLowerCase().split(";");
  return parameters.includes("base64") ? { type, from: comma + 1 } : undefined;
}

/** At most the first `count` bytes; never decodes more than that, since pictures are megabytes. */
export function firstBytes(source: MediaSource, count: number): Uint8Array {
  if (typeof source !== "string") return source.subarray(0, count);
  const embedded = embeddedIn(source);
  if (embedded === undefined) return new Uint8Array();
  const letters = Math.ceil(count / 3) * 4;
  return Buffer.from(source.slice(embedded.from, embedded.from + letters), "base64");
}
