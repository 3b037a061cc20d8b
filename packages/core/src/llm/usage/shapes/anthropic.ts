import { jsonOf, type JsonObject, objectAt, objectsAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

const types = new Set([
  "message",
  "message_start",
  "message_delta",
  "message_stop",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "ping",
]);

/** Anthropic messages, whole or in events. */
export function readAnthropic(event: JsonObject, type: string, tally: Tally): boolean {
  if (!types.has(type)) return false;
  if (type === "content_block_delta") addDelta(objectAt(event, "delta"), tally);
  else if (type === "message_start") tally.named(objectAt(event, "message")?.["model"]);
  else if (type === "message_stop") tally.ended = true;
  else if (type === "message") addMessage(event, tally);
  return true;
}

// Signatures and citations are no output of the model.
function addDelta(delta: JsonObject | undefined, { text }: Tally): void {
  text.add(textAt(delta, "text"));
  text.add(textAt(delta, "partial_json"));
  text.add(textAt(delta, "thinking"));
}

function addMessage(message: JsonObject, tally: Tally): void {
  tally.named(message["model"]);
  for (const block of objectsAt(message, "content")) {
    tally.text.add(textAt(block, "text"));
    tally.text.add(textAt(block, "thinking"));
    if (block["type"] !== "tool_use") continue;
    tally.text.add(textAt(block, "name"));
    tally.text.add(jsonOf(block["input"]));
  }
}
