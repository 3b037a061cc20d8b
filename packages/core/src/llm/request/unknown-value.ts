import { embeddedIn, firstBytes } from "../media/bytes.ts";
import { dimensionsOf } from "../media/dimensions.ts";
import { take } from "./compact-json.ts";
import type { Tally } from "./tally.ts";

/** Text without a space for this long, all of it letters of base64, is a file and no prose. */
const BLOB_LENGTH = 512;

const isBlob = (text: string): boolean =>
  text.length >= BLOB_LENGTH && /^[A-Za-z0-9+/_-]+$/.test(text.slice(0, BLOB_LENGTH));

function mediaKind(
  type: string | undefined,
  text: string,
): "image" | "audio" | "video" | "document" {
  const family = type?.split("/")[0];
  if (family === "image" || family === "audio" || family === "video") return family;
  if (dimensionsOf(text) !== undefined) return "image";
  const [a, b] = firstBytes(text, 2);
  // "RI" begins WAVE files, "ID" MP3 files.
  return a === 0x52 && b === 0x49 ? "audio" : a === 0x49 && b === 0x44 ? "audio" : "document";
}

function readString(text: string, tally: Tally): void {
  const isUrl = text.startsWith("data:");
  const embedded = isUrl ? embeddedIn(text) : undefined;
  if (embedded === undefined && !isBlob(text)) {
    tally.text(text);
    return;
  }
  const kind = mediaKind(embedded?.type, text);
  if (kind === "image") tally.image({ source: text });
  else tally.media(kind);
}

/**
 * Reads a value of a shape nobody told us: every string in it counts as text, unless it is a file
 * in base64. Looks at no more values than the tally's budget, so that cycles end.
 */
export function readUnknown(root: unknown, tally: Tally): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === "string") readString(next, tally);
    else if (next instanceof Uint8Array) tally.media("document");
    else if (typeof next === "object" && next !== null && tally.budget.left > 0) {
      const members: unknown[] = Array.isArray(next) ? next : Object.values(next);
      const most = take(tally.budget, members.length);
      for (let i = 0; i < most; i++) pending.push(members[i]);
    }
  }
}
