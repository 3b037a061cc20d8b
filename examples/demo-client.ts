/** Who plays in the demo: OpenAI's own client, and what it makes of answers and refusals. */
import OpenAI from "openai";

import type { Listening } from "./serve.ts";

/** One user of one server: OpenAI's own client, which counts its attempts. */
export interface Client {
  readonly openai: OpenAI;
  /** The responses so far, retried ones included. */
  readonly responses: readonly Response[];
}

export function clientOf(
  { url }: Listening,
  user: string,
  { maxRetries = 0, session = user }: { maxRetries?: number; session?: string } = {},
): Client {
  const responses: Response[] = [];
  const openai = new OpenAI({
    apiKey: `key-of-${user}`,
    baseURL: url,
    maxRetries,
    defaultHeaders: { "X-Session-Id": session },
    fetch: async (...request) => {
      const response = await fetch(...request);
      responses.push(response);
      return response;
    },
  });
  return { openai, responses };
}

type Question = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;

export const question = (maxTokens = 100, content = "Why is the sky blue?"): Question => ({
  model: "gpt-4o-mini",
  max_completion_tokens: maxTokens,
  messages: [{ role: "user", content }],
});

/** The tokens of an answer, or the error that came instead. */
export async function ask(
  { openai }: Client,
  body: Question = question(),
): Promise<number | Refused> {
  try {
    const { usage } = await openai.chat.completions.create(body);
    return usage?.total_tokens ?? 0;
  } catch (error) {
    if (error instanceof OpenAI.APIError && error.status === 429) return refusedBy(error);
    throw error;
  }
}

/** What a client knows about a refusal. */
export interface Refused {
  readonly message: string;
  /** OpenAI's word for the reason. */
  readonly code: string | undefined;
  readonly retryAfter: string | null;
  readonly shouldRetry: string | null;
}

const refusedBy = ({ message, code, headers }: InstanceType<typeof OpenAI.APIError>): Refused => ({
  message,
  code: code ?? undefined,
  retryAfter: headers?.get("retry-after") ?? null,
  shouldRetry: headers?.get("x-should-retry") ?? null,
});

export const isRefused = (answer: number | Refused): answer is Refused =>
  typeof answer !== "number";
