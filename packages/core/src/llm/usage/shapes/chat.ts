import { isObject, type JsonObject, listAt, objectAt, objectsAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

/** Chat and legacy completions, whole or in chunks, of OpenAI and all that speak like it. */
export function readChat(body: JsonObject, tally: Tally): boolean {
  if (!Array.isArray(body["choices"])) return false;
  tally.named(body["model"]);
  for (const choice of listAt(body, "choices")) {
    if (!isObject(choice)) continue;
    const reason = choice["finish_reason"];
    tally.choice(choice["index"], typeof reason === "string" && reason !== "");
    tally.text.add(textAt(choice, "text"));
    const message = objectAt(choice, "delta") ?? objectAt(choice, "message");
    if (message !== undefined) addMessage(message, tally);
  }
  return true;
}

function addMessage(message: JsonObject, { text }: Tally): void {
  const { content } = message;
  if (typeof content === "string") text.add(content);
  // Some compatibles answer in parts, as requests are written.
  else for (const part of objectsAt(message, "content")) text.add(textAt(part, "text"));
  text.add(textAt(message, "refusal"));
  // Two names of the same thing; where both are sent they repeat each other.
  text.add(textAt(message, "reasoning_content") || textAt(message, "reasoning"));
  text.add(textAt(objectAt(message, "audio"), "transcript"));
  addCall(objectAt(message, "function_call"), text);
  for (const call of objectsAt(message, "tool_calls")) {
    addCall(objectAt(call, "function"), text);
    text.add(textAt(objectAt(call, "custom"), "input"));
  }
}

function addCall(call: JsonObject | undefined, text: Tally["text"]): void {
  text.add(textAt(call, "name"));
  text.add(textAt(call, "arguments"));
}
