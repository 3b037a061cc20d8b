import { capOf, countOf, type Fields, isTokenList, listOf, times } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import type { Tally } from "../tally.ts";
import { streamsUsage } from "./openai-chat.ts";

/** What the server takes for an absent `max_tokens`. */
export const DEFAULT_MAX_TOKENS = 16;

/** Reads a prompt or a batch of them: texts, or tokens, which are counted already. */
export function readPrompts(prompt: unknown, tally: Tally): void {
  if (isTokenList(prompt)) {
    tally.tokens(prompt.length);
    return;
  }
  for (const one of Array.isArray(prompt) ? listOf(prompt) : [prompt]) {
    if (Array.isArray(one)) tally.tokens(one.length);
    else tally.text(one);
  }
}

/** How many texts a body has generated: the best of several, for each prompt. */
export function completionsOf({ prompt, n, best_of: bestOf }: Fields): number {
  const prompts = isTokenList(prompt) ? 1 : Math.max(1, listOf(prompt).length);
  return times(Math.max(countOf(n), countOf(bestOf)), prompts);
}

/** `POST /v1/completions`. */
export const readCompletions: RequestReader = (body, tally): Reading => {
  readPrompts(body.prompt, tally);
  tally.text(body.suffix);
  const absent = body.max_tokens === undefined || body.max_tokens === null;
  return {
    cap: absent ? DEFAULT_MAX_TOKENS : capOf(body.max_tokens),
    multiplicity: completionsOf(body),
    stream: body.stream === true,
    usageRequested: streamsUsage(body),
  };
};
