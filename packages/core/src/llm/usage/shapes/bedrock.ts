import { jsonOf, type JsonObject, objectAt, objectsAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

const eventTypes = new Set([
  "messageStart",
  "contentBlockStart",
  "contentBlockDelta",
  "contentBlockStop",
  "messageStop",
  "metadata",
]);

/** Events of ConverseStream, named by their frame. */
export function readConverseEvent(
  event: JsonObject,
  name: string | undefined,
  tally: Tally,
): boolean {
  if (name === undefined || !eventTypes.has(name)) return false;
  if (name === "contentBlockDelta") addDelta(objectAt(event, "delta"), tally);
  else if (name === "messageStop") tally.messageStopped = true;
  else if (name === "metadata" && tally.messageStopped) tally.ended = true;
  return true;
}

function addDelta(delta: JsonObject | undefined, { text }: Tally): void {
  text.add(textAt(delta, "text"));
  text.add(textAt(objectAt(delta, "toolUse"), "input"));
  text.add(textAt(objectAt(delta, "reasoningContent"), "text"));
}

/** A whole Converse answer. */
export function readConverseBody(body: JsonObject, tally: Tally): boolean {
  const message = objectAt(objectAt(body, "output"), "message");
  if (message === undefined) return false;
  for (const block of objectsAt(message, "content")) {
    tally.text.add(textAt(block, "text"));
    const reasoning = objectAt(block, "reasoningContent");
    tally.text.add(textAt(objectAt(reasoning, "reasoningText"), "text"));
    const call = objectAt(block, "toolUse");
    tally.text.add(textAt(call, "name"));
    tally.text.add(jsonOf(call?.["input"]));
  }
  return true;
}
