/**
 * Limits around calls of OpenAI's client, in a process that serves nobody: a worker, a script, an agent.
 *
 *     pnpm example examples/in-process.ts
 */
import { createLimiter, getDecision, isRateLimitError, type Limiter } from "@tollgate/core";
import OpenAI from "openai";

import { type ModelAddress, openModel } from "./model.ts";
import { isMain } from "./serve.ts";

type Question = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;
type StreamedQuestion = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;

const question: Question = {
  model: "gpt-4o-mini",
  max_completion_tokens: 100,
  messages: [{ role: "user", content: "Why is the sky blue?" }],
};
const streamed: StreamedQuestion = { ...question, stream: true };
const book = "Why is the sky blue? ".repeat(500);
const longQuestion: Question = { ...question, messages: [{ role: "user", content: book }] };

const ann = { tenant: "acme", user: "ann" };

/**
 * @param address the model to ask instead of `OPENAI_BASE_URL`, or else a stand-in
 * @param say told each line
 */
export async function run(
  address?: ModelAddress,
  say: (line: string) => void = console.log,
): Promise<Limiter> {
  const model = await openModel(address);
  const openai = new OpenAI({ baseURL: model.url, apiKey: model.key });
  const limiter = createLimiter({
    limits: [{ type: "token", window: "day", limit: 1_000, scope: "user" }],
    onEvent: (event) => {
      if (event.type !== "settled") return;
      const { held, cost, source } = event;
      say(`  held ${String(held["token"])} tokens, charged ${String(cost["token"])}: ${source}`);
    },
  });

  say("An answer is charged by the usage it reports");
  await limiter.meter(ann, question, ({ body }) => openai.chat.completions.create(body));

  say("A stream is charged at its end; without usage in it, its text is counted");
  const stream = await limiter.meter(ann, streamed, ({ body }) =>
    openai.chat.completions.create(body),
  );
  let words = "";
  for await (const { choices } of stream) words += choices[0]?.delta.content ?? "";
  say(`  ${words}`);

  say("A stream that is broken off is charged as far as it got");
  const broken = await limiter.meter(ann, streamed, ({ body }) =>
    openai.chat.completions.create(body),
  );
  for await (const { choices } of broken) {
    if (choices[0]?.delta.content) break;
  }

  say("What does not fit is not called");
  try {
    await limiter.meter(ann, longQuestion, ({ body }) => openai.chat.completions.create(body));
  } catch (error) {
    if (!isRateLimitError(error)) throw error;
    say(`  ${getDecision(error)?.reason ?? ""}`);
  }
  await model.close();
  return limiter;
}

if (isMain(import.meta.url)) void run();
