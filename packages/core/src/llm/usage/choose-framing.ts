import { EventStream } from "./framing/event-stream.ts";
import type { Framing, FrameSink } from "./framing/framing.ts";
import { JsonArray } from "./framing/json-array.ts";
import { jsonBody } from "./framing/json-body.ts";
import { ndjson } from "./framing/ndjson.ts";
import { plainText } from "./framing/plain-text.ts";
import { Sse } from "./framing/sse.ts";

/** What a content type promises; `unknown` when there is none, `binary` when it cannot be read. */
export type MediaKind = "sse" | "ndjson" | "json" | "eventStream" | "text" | "unknown" | "binary";

/** What a content type promises. */
export function mediaKindOf(contentType: string | undefined): MediaKind {
  const [type = ""] = (contentType ?? "").toLowerCase().split(";", 1);
  const media = type.trim();
  if (media === "") return "unknown";
  if (media === "text/event-stream") return "sse";
  if (/^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)$/.test(media)) return "ndjson";
  if (media === "application/vnd.amazon.eventstream") return "eventStream";
  if (/^(?:application|text)\/(?:.+\+)?json$/.test(media)) return "json";
  return media.startsWith("text/") ? "text" : "binary";
}

/** Bytes that are not blank which a choice may need: `event:`. */
export const OPENING_BYTES = 6;
/** Blanks may precede them, but not for ever. */
export const MAX_OPENING_BYTES = 512;

/** Whether the first bytes have a say. */
export const needsOpening = (kind: MediaKind): boolean =>
  kind === "sse" || kind === "json" || kind === "text" || kind === "unknown";

// White space, and the three bytes of a byte-order mark.
const blanks: ReadonlySet<number> = new Set([9, 10, 13, 32, 0xef, 0xbb, 0xbf]);

/** The first bytes that are not blank, as text. */
export function openingOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes.subarray(0, MAX_OPENING_BYTES)) {
    if (blanks.has(byte)) continue;
    text += String.fromCharCode(byte);
    if (text.length === OPENING_BYTES) break;
  }
  return text;
}

/**
 * How to read a body. Where there is no content type, its first bytes decide. Text and JSON are never
 * taken for events: what they begin with may be a model's words, which the caller dictates, and would
 * be taken for a report of usage.
 */
export function chooseFraming(
  kind: MediaKind,
  opening: string,
  sink: FrameSink,
  cap: number,
): Framing | undefined {
  const events = /^(?:data:|event:)/.test(opening);
  switch (kind) {
    case "binary":
      return undefined;
    case "eventStream":
      return new EventStream(sink, cap);
    case "ndjson":
      return ndjson(sink, cap);
    case "text":
      return plainText(sink);
    case "unknown":
      if (opening.startsWith("\0\0")) return new EventStream(sink, cap);
      if (/^[[{]/.test(opening)) return chooseFraming("json", opening, sink, cap);
      return events ? new Sse(sink, cap) : plainText(sink);
    case "sse":
      // No field begins with these.
      if (/^[[{]/.test(opening)) return chooseFraming("json", opening, sink, cap);
      return new Sse(sink, cap);
    case "json":
      return opening.startsWith("[") ? new JsonArray(sink, cap) : jsonBody(sink, cap);
  }
}
