import { collectBody } from "../counters.ts";
import { type JsonObject, objectAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

const types = new Set([
  "start",
  "start-step",
  "text-start",
  "text-delta",
  "text-end",
  "reasoning-start",
  "reasoning-delta",
  "reasoning-end",
  "tool-input-start",
  "tool-input-delta",
  "tool-input-end",
  "tool-input-available",
  "tool-input-error",
  "tool-output-available",
  "tool-output-error",
  "tool-call",
  "tool-result",
  "source-url",
  "source-document",
  "file",
  "message-metadata",
  "finish-step",
  "finish",
  "abort",
]);
const deltas = new Set(["text-delta", "reasoning-delta", "tool-input-delta"]);

/** Parts of an AI SDK message stream. Finished tool inputs repeat their deltas. */
export function readAiSdk(part: JsonObject, type: string, tally: Tally): boolean {
  // `data-…` is the application's own, and no model wrote it.
  if (!types.has(type) && !type.startsWith("data-")) return false;
  if (type === "finish") tally.ended = true;
  if (type === "abort") tally.cut = true;
  const metadata = objectAt(part, "messageMetadata");
  if (metadata !== undefined) collectBody(metadata, tally.counters);
  if (deltas.has(type)) {
    tally.text.add(textAt(part, "delta") || textAt(part, "inputTextDelta") || textAt(part, "text"));
  }
  return true;
}
