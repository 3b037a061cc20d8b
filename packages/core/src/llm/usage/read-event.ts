import { collectBody } from "./counters.ts";
import { isObject, type JsonObject, objectAt, textAt } from "./json-value.ts";
import { readAiSdk } from "./shapes/ai-sdk.ts";
import { readAnthropic } from "./shapes/anthropic.ts";
import { readConverseBody, readConverseEvent } from "./shapes/bedrock.ts";
import { readChat } from "./shapes/chat.ts";
import { readGemini } from "./shapes/gemini.ts";
import { readLists } from "./shapes/lists.ts";
import { readOllama } from "./shapes/ollama.ts";
import { readResponsesBody, readResponsesEvent } from "./shapes/responses.ts";
import { addLeaves } from "./shapes/unknown.ts";
import type { Tally } from "./tally.ts";

/**
 * Takes in one event of a stream, or a whole answer, of whichever provider. Its own `type` counts
 * before `name`, the type that its frame has, because proxies drop the latter.
 */
export function readEvent(value: unknown, name: string | undefined, tally: Tally): void {
  if (!isObject(value) || !readKnownEvent(value, name, tally)) addLeaves(value, tally.text);
}

/** {@link readEvent} without a guess at what nobody knows. @returns whether it was known */
export function readKnownEvent(value: JsonObject, name: string | undefined, tally: Tally): boolean {
  const reported = collectBody(value, tally.counters);
  const failed = isFailure(value, name);
  if (failed) tally.failed = true;
  const known = readKnown(value, name, tally) || failed;
  if (reported || known) tally.recognised = true;
  return known;
}

function isFailure(value: JsonObject, name: string | undefined): boolean {
  const { error } = value;
  return name === "error" || value["type"] === "error" || isObject(error) || hasText(error);
}

const hasText = (value: unknown): boolean => typeof value === "string" && value !== "";

function readKnown(value: JsonObject, name: string | undefined, tally: Tally): boolean {
  if (readChat(value, tally)) return true;
  const type = textAt(value, "type");
  // InvokeModel adds its own count to the last event of the vendor's stream.
  if (objectAt(value, "amazon-bedrock-invocationMetrics") !== undefined) tally.ended = true;
  return (
    (type !== "" && readTyped(value, type, tally)) ||
    readConverseEvent(value, name, tally) ||
    readGemini(value, tally) ||
    readOllama(value, tally) ||
    readResponsesBody(value, tally) ||
    readConverseBody(value, tally) ||
    readLists(value, tally)
  );
}

const readTyped = (value: JsonObject, type: string, tally: Tally): boolean =>
  readAnthropic(value, type, tally) ||
  readResponsesEvent(value, type, tally) ||
  readAiSdk(value, type, tally);
