import { jsonOf, type JsonObject, objectAt, objectsAt, textAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

/** A Gemini answer, or one chunk of it: both look alike. */
export function readGemini(body: JsonObject, tally: Tally): boolean {
  const candidates = objectsAt(body, "candidates");
  const feedback = objectAt(body, "promptFeedback") ?? objectAt(body, "prompt_feedback");
  const usage = body["usageMetadata"] ?? body["usage_metadata"];
  if (candidates.length === 0 && feedback === undefined && usage === undefined) return false;
  tally.named(body["modelVersion"] ?? body["model_version"]);
  // A blocked prompt is never answered.
  if ((feedback?.["blockReason"] ?? feedback?.["block_reason"]) !== undefined) tally.failed = true;
  for (const candidate of candidates) {
    const reason = candidate["finishReason"] ?? candidate["finish_reason"];
    tally.choice(candidate["index"], typeof reason === "string" && reason !== "");
    for (const part of objectsAt(objectAt(candidate, "content"), "parts")) addPart(part, tally);
  }
  return true;
}

function addPart(part: JsonObject, { text }: Tally): void {
  text.add(textAt(part, "text"));
  const call = objectAt(part, "functionCall") ?? objectAt(part, "function_call");
  if (call !== undefined) {
    text.add(textAt(call, "name"));
    text.add(jsonOf(call["args"]));
  }
  text.add(textAt(objectAt(part, "executableCode") ?? objectAt(part, "executable_code"), "code"));
}
