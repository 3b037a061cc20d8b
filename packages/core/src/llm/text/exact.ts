/** Counts the tokens of a text as the model would. */
export type Tokenizer = (text: string) => number;

/**
 * The longest text a tokenizer ever sees, in UTF-16 units. Public tokenizers take quadratic time on
 * text without a place to cut: seconds for 50,000 times one letter. In chunks it is milliseconds,
 * and English counts 0.4 % too high.
 */
const CHUNK_LENGTH = 1024;

/** UTF-16 units that are counted exactly; the heuristic takes the rest. */
const EXACT_LENGTH = 1_048_576;

// Tokenizers are few and made once, but a request could be the first to show that one is broken.
const reported = new WeakSet<Tokenizer>();

function report(tokenizer: Tokenizer, problem: string): void {
  if (reported.has(tokenizer)) return;
  reported.add(tokenizer);
  process.emitWarning(
    `The tokenizer failed (${problem}). Such text is estimated instead; further failures of it are not reported.`,
    { type: "TollgateWarning", code: "TOLLGATE_TOKENIZER" },
  );
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Where the chunk that begins at `start` ends, never between the halves of a character. */
function chunkEnd(text: string, start: number): number {
  const end = start + CHUNK_LENGTH;
  if (end >= text.length) return text.length;
  const splits = isHighSurrogate(text.charCodeAt(end - 1)) && isLowSurrogate(text.charCodeAt(end));
  return splits ? end - 1 : end;
}

function countChunk(
  chunk: string,
  tokenizer: Tokenizer,
  fallback: (text: string) => number,
): number {
  try {
    const count: unknown = tokenizer(chunk);
    if (typeof count === "number" && count >= 0 && count < Infinity) return count;
    // The kind of value only: it may hold the text.
    report(tokenizer, `it returned ${typeof count === "number" ? String(count) : typeof count}`);
  } catch (error) {
    // The kind of error only: its message may hold the text.
    report(tokenizer, `it threw ${error instanceof Error ? error.name : typeof error}`);
  }
  return fallback(chunk);
}

/**
 * Tokens of a text by a tokenizer, which is fed at most 1,024 UTF-16 units at a time, so that no
 * text makes it slow. Of the first 1 MiB, what it cannot count is counted by `fallback`, and so is
 * all that comes after. Never throws, unless `fallback` does.
 */
export function countExactly(
  text: string,
  tokenizer: Tokenizer,
  fallback: (text: string) => number,
): number {
  let tokens = 0;
  let start = 0;
  while (start < text.length && start < EXACT_LENGTH) {
    const end = chunkEnd(text, start);
    tokens += countChunk(text.slice(start, end), tokenizer, fallback);
    start = end;
  }
  return start < text.length ? tokens + fallback(text.slice(start)) : tokens;
}
