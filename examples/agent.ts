/**
 * An agent that asks its model three times to answer its user once: the turn is decided on at its
 * beginning, charged once, and never refused half way.
 *
 *     pnpm example examples/agent.ts
 */
import {
  agentHooks,
  createLimiter,
  getDecision,
  isRateLimitError,
  type Limiter,
} from "@tollgate/core";
import { estimateRequest } from "@tollgate/core/llm";
import OpenAI from "openai";

import { type ModelAddress, openModel } from "./model.ts";
import { isMain } from "./serve.ts";

type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

/** What the agent knows of the turn it is in. */
interface Turn {
  /** Made by the agent: the limits take it for the name of one charge. */
  readonly turnId: string;
  readonly userId: string;
}

/** The steps of every turn: each asks the model, with all that was said before. */
const steps = ["Make a plan.", "Look up what is needed.", "Answer."];
const MAX_OUTPUT = 100;

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
    limits: [
      { type: "count", window: "minute", limit: 2, scope: "user" },
      { type: "token", window: "day", limit: 5_000, scope: "user" },
    ],
    onEvent: (event) => {
      if (event.type !== "settled") return;
      const { held, cost } = event;
      say(`  the turn held ${String(held["token"])} tokens and cost ${String(cost["token"])}`);
    },
  });
  const hooks = agentHooks(limiter, {
    subject: ({ userId }: Turn) => ({ user: userId }),
    // For the turn as a whole: every step reads the question, and writes.
    cost: (messages: readonly Message[]) => ({
      token: steps.length * (estimateRequest({ messages }).inputToken + MAX_OUTPUT),
    }),
  });

  const answer = async (question: string, turn: Turn): Promise<void> => {
    const messages: Message[] = [{ role: "user", content: question }];
    try {
      for (const content of steps) {
        messages.push({ role: "user", content });
        await hooks.onBeforeMessage(messages, turn);
        const { choices, usage } = await openai.chat.completions.create({
          model: "gpt-4o-mini",
          max_completion_tokens: MAX_OUTPUT,
          messages,
        });
        await hooks.onUsage(turn, { token: usage?.total_tokens ?? 0 });
        messages.push({ role: "assistant", content: choices[0]?.message.content ?? "" });
        say(`  ${content} ${String(usage?.total_tokens)} tokens`);
      }
    } finally {
      // Also for a turn that failed: what it has used so far is used.
      await hooks.onAfterTurn(turn);
    }
  };

  for (const [index, question] of ["Why is the sky blue?", "And at night?", "Really?"].entries()) {
    say(`Ann asks: ${question}`);
    try {
      await answer(question, { turnId: `turn-${String(index + 1)}`, userId: "ann" });
    } catch (error) {
      if (!isRateLimitError(error)) throw error;
      const { reason = "", retryAfterMs = 0 } = getDecision(error) ?? {};
      say(`  ${reason}`);
      say(`  Ann may ask again in ${String(Math.ceil(retryAfterMs / 1000))} seconds`);
    }
  }
  await model.close();
  return limiter;
}

if (isMain(import.meta.url)) void run();
