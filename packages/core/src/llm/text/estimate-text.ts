import { classTable } from "./character-classes.ts";
import { costsOf, nextStates } from "./tables.ts";
import { cl100kWeights, o200kWeights } from "./weights.ts";

/** A public tokenizer: `o200k` of OpenAI's newer models, `cl100k` of the older and of embeddings. */
export type Encoding = "o200k" | "cl100k";

/** Longer texts are judged by samples, in UTF-16 units, so that the work has a bound. */
const MAX_READ = 1_048_576;

// Many small ones: text that was put in front to mislead is then only one of them.
const SAMPLES = 64;
const SAMPLE_LENGTH = MAX_READ / SAMPLES;

const classes = classTable();

const costs: Readonly<Record<Encoding, Float64Array>> = {
  o200k: costsOf(o200kWeights),
  cl100k: costsOf(cl100kWeights),
};

/** The hot loop: three look-ups per unit, and nothing that depends on what the text says. */
function costOf(text: string, from: number, to: number, costs: Float64Array): number {
  let tokens = 0;
  let state = 0;
  for (let at = from; at < to; at += 1) {
    const place = state + (classes[text.charCodeAt(at)] ?? 0);
    tokens += costs[place] ?? 0;
    state = nextStates[place] ?? 0;
  }
  return tokens;
}

/**
 * Tokens of a text, estimated, not rounded. On documents in 13 languages and formats the mean error
 * is 4 %, and the worst seen −28 %; on text made to mislead it can be a quarter of the truth, but 0
 * only when there is nothing but carriage returns. One pass, in time proportional to the length,
 * without memory; of texts beyond 1 MiB it reads 64 samples, 1 MiB in all, spread evenly. Never
 * throws.
 */
export function estimateText(text: string, encoding: Encoding = "o200k"): number {
  const { length } = text;
  if (length <= MAX_READ) return costOf(text, 0, length, costs[encoding]);
  let tokens = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const from = Math.floor((sample * (length - SAMPLE_LENGTH)) / (SAMPLES - 1));
    tokens += costOf(text, from, from + SAMPLE_LENGTH, costs[encoding]);
  }
  return (tokens / MAX_READ) * length;
}
