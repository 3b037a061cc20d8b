import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { estimateText } from "@tollgate/core/llm";

import type { Bench } from "./harness.ts";

const BODY_LENGTH = 150_000;
const MESSAGES = 10;
const ROUNDS = 40;

/** The parser copies such text many characters at a time: the hardest to keep up with. */
const WITHOUT_LINE_ENDS =
  "The gate decides before the request reaches the handler, and books what the call really cost. ";

interface Listed {
  readonly kind: string;
  readonly text?: string;
}

/** Real text by kind: what judges the estimator's accuracy, as far as it is on this machine. */
function textsByKind(): ReadonlyMap<string, string> {
  const script = join(import.meta.dirname, "../../scripts/estimator-corpus.js");
  const options = { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 } as const;
  const listed: readonly Listed[] = JSON.parse(
    execFileSync(process.execPath, [script, "texts"], options),
  );
  const texts = new Map<string, string>();
  for (const { kind, text } of listed) {
    if (text !== undefined) texts.set(kind, `${texts.get(kind) ?? ""}${text}\n`);
  }
  return texts;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

// Keeps the calls from being optimised away.
let sink = 0;

/** Microseconds of processor time of one call. */
function timeUs(calls: number, call: () => number): number {
  const before = process.cpuUsage();
  for (let done = 0; done < calls; done += 1) sink += call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** A chat request of 150,000 characters, as it comes over the wire. */
function bodyOf(passage: string): string {
  let text = "";
  for (let number = 0; text.length < BODY_LENGTH; number += 1)
    text += `${String(number)} ${passage}`;
  const length = BODY_LENGTH / MESSAGES;
  const messages = Array.from({ length: MESSAGES }, (_, at) => ({
    role: "user",
    content: text.slice(at * length, (at + 1) * length),
  }));
  return JSON.stringify({ model: "gpt-4o", messages });
}

/** How many times as long as its parsing the estimate of a body takes; both in turns, in this run. */
function ratioOf(body: string): number {
  const parse = (): { messages: readonly { content: string }[] } => JSON.parse(body);
  // As the parser makes them, since that is what the estimator meets.
  const { messages } = parse();
  const estimate = (): number => {
    let tokens = 0;
    for (const { content } of messages) tokens += estimateText(content);
    return tokens;
  };
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const parseUs = timeUs(10, () => parse().messages.length);
    ratios.push(timeUs(10, estimate) / parseUs);
  }
  return median(ratios.slice(ROUNDS / 4));
}

function comparedToParsing(): void {
  const ratios = Array.from(textsByKind(), ([kind, text]) => {
    const ratio = ratioOf(bodyOf(text));
    console.log(`    ${kind}: ${ratio.toFixed(2)} × JSON.parse`);
    return ratio;
  });
  console.log(
    `estimate of a 150 kB body: median ${median(ratios).toFixed(2)} × JSON.parse of it, target ≤ 2; worst ${Math.max(...ratios).toFixed(2)} ×, limit 8`,
  );
  const hardest = ratioOf(bodyOf(WITHOUT_LINE_ENDS));
  console.log(`prose without line ends: ${hardest.toFixed(2)} × JSON.parse`);
}

const KIB = 1024;

const longTexts = {
  "one letter": (length: number) => "a".repeat(length),
  CJK: (length: number) => "語言模型限流器".repeat(Math.ceil(length / 7)).slice(0, length),
  base64: (length: number) =>
    Buffer.from(Array.from({ length }, (_, at) => (at * at * 31) % 251))
      .toString("base64")
      .slice(0, length),
  emoji: (length: number) => "🎉🚀".repeat(length / 4),
} as const;

function linear(): void {
  for (const [name, make] of Object.entries(longTexts)) {
    // Flat in memory, as the parser would make it.
    const flat = (length: number): string => JSON.parse(JSON.stringify(make(length)));
    const [quarter, whole] = [flat(256 * KIB), flat(1024 * KIB)];
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const quarterUs = timeUs(8, () => estimateText(quarter));
      ratios.push(timeUs(2, () => estimateText(whole)) / quarterUs);
    }
    const wholeUs = timeUs(4, () => estimateText(whole));
    console.log(
      `1 MiB of ${name}: ${(wholeUs / 1000).toFixed(1)} ms, ${median(ratios).toFixed(2)} × as long as 256 KiB, linear is 4`,
    );
  }
}

/** What an estimate costs, beside the parsing of the same body that happens anyway. */
export const estimate: Bench = {
  parsing: comparedToParsing,
  linear,
};
