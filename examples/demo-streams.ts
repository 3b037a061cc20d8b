/** The acts about streams: what they hold, what they cost, and what they cost when they are broken off. */
import type { Limiter } from "@tollgate/core";

import { clientOf, question } from "./demo-client.ts";
import {
  act,
  estimateOf,
  initechIvy,
  promised,
  settlement,
  type Stage,
  used,
} from "./demo-stage.ts";

/** A question with room for a long answer, streamed. */
const streamed = { ...question(500), stream: true } as const;

/** Tokens of a text, as a server counts them. */
const tokensOf = ({ llm }: Limiter, text: string): number =>
  Math.ceil(llm.call({ subject: initechIvy, body: streamed, limits: [] }).countText(text));

const heldOf = async (limiter: Limiter): Promise<number> => {
  const usages = await limiter.usage(initechIvy);
  return usages.find(({ limit }) => limit === "initech day")?.held ?? -1;
};

export async function streaming(stages: readonly Stage[]): Promise<void> {
  act("6. Streamed answers: estimated, held while they run, then settled to what they were");
  for (const stage of stages) {
    const { limiter, name } = stage;
    const before = await used(limiter, initechIvy, "day");
    const { inputToken, outputToken, token } = estimateOf(limiter, initechIvy, streamed);
    console.log(
      `   ${name}: estimated ${String(inputToken)} tokens to read and ${String(outputToken)} to write`,
    );
    const settling = settlement(limiter);
    const stream = await clientOf(stage, "ivy").openai.chat.completions.create(streamed);
    let words = "";
    let held: number | undefined;
    let chunksWithoutChoices = 0;
    for await (const { choices } of stream) {
      words += choices[0]?.delta.content ?? "";
      if (choices.length === 0) chunksWithoutChoices += 1;
      // Early: the last chunks may reach this loop when all is settled.
      held ??= await heldOf(limiter);
    }
    promised(
      `${name}: while ${String(words.length)} characters arrive, ${String(held)} tokens are held, as estimated`,
      held,
      token,
    );
    const { source, cost } = await settling;
    // The stand-in's own count: four characters are a token, and a message costs three more.
    const real = Math.ceil("Why is the sky blue?".length / 4) + 3 + Math.ceil(words.length / 4);
    const charged = (await used(limiter, initechIvy, "day")) - before;
    promised(
      `${name}: then ${String(charged)} are charged, as the model reported`,
      [charged, cost["token"], source],
      [real, real, "measured"],
    );
    promised(
      `${name}: the client, who did not ask for a report, got none`,
      chunksWithoutChoices,
      0,
    );
  }
}

export async function brokenOff(stages: readonly Stage[]): Promise<void> {
  act("7. Streams that are broken off: charged for what was emitted until then");
  for (const stage of stages) {
    const { limiter, name } = stage;
    const before = await used(limiter, initechIvy, "day");
    const { inputToken, token } = estimateOf(limiter, initechIvy, streamed);
    const settling = settlement(limiter);
    const stream = await clientOf(stage, "ivy").openai.chat.completions.create(streamed);
    let words = "";
    for await (const { choices } of stream) {
      words += choices[0]?.delta.content ?? "";
      // Leaving the loop closes the connection.
      if (words.length > 40) break;
    }
    const { source } = await settling;
    const charged = (await used(limiter, initechIvy, "day")) - before;
    const heard = tokensOf(limiter, words);
    promised(
      `${name}: the client left after ${String(words.length)} characters; the text until then is counted`,
      source,
      "counted",
    );
    promised(
      `${name}: ${String(charged)} tokens are charged, ${String(inputToken)} for the question and ` +
        `${String(charged - inputToken)} emitted, of ${String(token)} held`,
      heard > 0 && charged >= inputToken + heard && charged < token,
    );
    promised(`${name}: nothing stays held`, await heldOf(limiter), 0);
  }
}
