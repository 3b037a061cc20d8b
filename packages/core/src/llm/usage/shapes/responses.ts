import { type JsonObject, objectAt, objectsAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

const typed = /^(?:response|image_generation|image_edit)\./;
const terminal = new Set([
  "response.completed",
  "image_generation.completed",
  "image_edit.completed",
]);

/** What the type of an event says about how the answer ended. */
export function readTerminalType(type: string, tally: Tally): void {
  if (terminal.has(type)) tally.ended = true;
  else if (type === "response.incomplete") tally.cut = true;
  else if (type === "response.failed") tally.failed = true;
}

/** Events of OpenAI Responses and image streams. Only deltas are new text; all others repeat it. */
export function readResponsesEvent(event: JsonObject, type: string, tally: Tally): boolean {
  if (!typed.test(type)) return false;
  tally.named(objectAt(event, "response")?.["model"]);
  readTerminalType(type, tally);
  // The sound itself, in base64.
  if (type.endsWith(".delta") && type !== "response.audio.delta") {
    tally.text.add(textAt(event, "delta"));
  }
  return true;
}

/** A whole Responses answer. */
export function readResponsesBody(body: JsonObject, tally: Tally): boolean {
  if (body["object"] !== "response") return false;
  tally.named(body["model"]);
  const { status } = body;
  if (status === "failed") tally.failed = true;
  // Answers in the background come back before they have begun.
  else if (typeof status === "string" && status !== "completed") tally.cut = true;
  for (const item of objectsAt(body, "output")) addItem(item, tally);
  return true;
}

function addItem(item: JsonObject, { text }: Tally): void {
  for (const part of [...objectsAt(item, "content"), ...objectsAt(item, "summary")]) {
    text.add(textAt(part, "text"));
    text.add(textAt(part, "refusal"));
    text.add(textAt(part, "transcript"));
  }
  text.add(textAt(item, "name"));
  text.add(textAt(item, "arguments"));
  text.add(textAt(item, "input"));
  text.add(textAt(item, "code"));
}
