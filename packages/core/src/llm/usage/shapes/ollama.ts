import { jsonOf, type JsonObject, listAt, objectAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

/** A line of Ollama's chat or generate, or the whole answer: both look alike. */
export function readOllama(line: JsonObject, tally: Tally): boolean {
  if (typeof line["done"] !== "boolean") return false;
  tally.named(line["model"]);
  if (line["done"]) tally.ended = true;
  const message = objectAt(line, "message");
  const calls = listAt(message, "tool_calls");
  tally.text.add(textAt(message, "content"));
  tally.text.add(textAt(message, "thinking"));
  if (calls.length > 0) tally.text.add(jsonOf(calls));
  tally.text.add(textAt(line, "response"));
  tally.text.add(textAt(line, "thinking"));
  return true;
}
