import type { Fields } from "./request/fields.ts";
import { fieldsOf, listOf } from "./request/fields.ts";

/**
 * A part of a model's stream as an event that the usage reader knows; `undefined` for parts that
 * say nothing of the cost, or repeat what others said.
 */
export function eventOf(part: unknown): unknown {
  const { type, delta, usage, modelId } = fieldsOf(part);
  if (type === "text-delta" || type === "reasoning-delta" || type === "tool-input-delta") {
    return { type, delta };
  }
  if (type === "response-metadata") return { model: modelId, choices: [] };
  if (type === "finish") return { type, usage: usageOf(usage) };
  return type === "error" ? { type } : undefined;
}

/** A whole answer as the events that a stream of it would have had. */
export function eventsOf(answer: unknown): readonly unknown[] {
  const { content, usage, response } = fieldsOf(answer);
  const written = listOf(content).map((part) => {
    const { type, text, input } = fieldsOf(part);
    const delta = type === "tool-call" ? input : text;
    return { type: "text-delta", delta: type === "source" || type === "file" ? "" : delta };
  });
  const { modelId } = fieldsOf(response);
  return [{ model: modelId, choices: [] }, ...written, { type: "finish", usage: usageOf(usage) }];
}

/** The usage by its flat names: version 2 of the interface has them, later ones are nested. */
function usageOf(usage: unknown): Fields {
  const { inputTokens, outputTokens, ...others } = fieldsOf(usage);
  if (typeof inputTokens === "number" || typeof outputTokens === "number") {
    return { ...others, inputTokens, outputTokens };
  }
  const [input, output] = [fieldsOf(inputTokens), fieldsOf(outputTokens)];
  return {
    inputTokens: input.total,
    inputTokenDetails: { cacheReadTokens: input.cacheRead, cacheWriteTokens: input.cacheWrite },
    outputTokens: output.total,
    outputTokenDetails: { reasoningTokens: output.reasoning },
  };
}
