import type { EmittedText } from "../emitted-text.ts";

/** Deeper than any answer, and far from the end of the stack. */
const MAX_DEPTH = 64;
const BASE64_CHARACTERS = 256;

// Names and labels, which come with every event and are not written by a model.
const labels = new Set([
  "id",
  "object",
  "type",
  "event",
  "model",
  "role",
  "created",
  "created_at",
  "timestamp",
  "status",
  "index",
  "url",
  "usage",
  "signature",
  "logprobs",
  "obfuscation",
  "finish_reason",
  "finishReason",
  "stop_reason",
  "stopReason",
  "completionReason",
  "system_fingerprint",
  "request_id",
  "message_id",
  "conversation_id",
  "session_id",
]);

// Pictures and sound.
const isBase64 = (text: string): boolean =>
  text.startsWith("data:") ||
  (text.length >= BASE64_CHARACTERS && /^[\w+/=-]+$/.test(text.slice(0, BASE64_CHARACTERS)));

/** Of an event that nobody knows, everything that may be text is taken for text. */
export function addLeaves(value: unknown, text: EmittedText, depth: number = 0): void {
  if (typeof value === "string") {
    if (!isBase64(value)) text.add(value);
    return;
  }
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
  const list = Array.isArray(value);
  for (const [key, item] of Object.entries(value)) {
    if (list || !labels.has(key)) addLeaves(item, text, depth + 1);
  }
}
