import type { Clipped } from "./bounded-bytes.ts";
import { collectBody, collectUsage } from "./counters.ts";
import { isObject, type JsonObject, parseJson } from "./json-value.ts";
import { readTerminalType } from "./shapes/responses.ts";
import type { Tally } from "./tally.ts";

/** Objects looked at from the end; a hostile text has thousands. */
const MAX_CANDIDATES = 32;

// Cannot occur inside a JSON string, where the quotes would be escaped.
const usageKey = /"(?:usage|usageMetadata|amazon-bedrock-invocationMetrics)"\s{0,8}:\s{0,8}\{/g;

const typeKey = /"type"\s{0,8}:\s{0,8}"([^"\\]{1,64})"/g;

/**
 * Reads what can be read of a line or body that was too long to keep: the last usage object, and
 * how the answer ended. The text in it is lost.
 * @returns whether there was any usage
 */
export function salvage({ head, tail }: Clipped, tally: Tally): boolean {
  // The event's own type is the first key or the last one.
  const types = [...head.matchAll(typeKey)]
    .slice(0, 1)
    .concat([...tail.matchAll(typeKey)].slice(-1));
  for (const [, type = ""] of types) readTerminalType(type, tally);
  tally.named(/"model(?:Version)?"\s{0,8}:\s{0,8}"([^"\\]{1,256})"/.exec(head)?.[1]);
  const found = salvageUsage(tail, tally) || salvageUsage(head, tally);
  if (found) tally.recognised = true;
  // Ollama's last line can be long (its `context`) and has the counters at the top level.
  const line = `${head}\n${tail}`;
  if (!/"done"\s{0,8}:\s{0,8}true/.test(line) || !/"(?:prompt_)?eval_/.test(line)) return found;
  collectBody(
    {
      done: true,
      prompt_eval_count: numberAfter(line, "prompt_eval_count"),
      eval_count: numberAfter(line, "eval_count"),
    },
    tally.counters,
  );
  tally.ended = true;
  tally.recognised = true;
  return true;
}

function numberAfter(line: string, key: string): number | undefined {
  const digits = new RegExp(`"${key}"\\s{0,8}:\\s{0,8}(\\d{1,15})`).exec(line)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

// The last one: tool arguments written as JSON objects can have such a key too, and come before.
function salvageUsage(text: string, tally: Tally): boolean {
  const starts = [...text.matchAll(usageKey)].map((match) => match.index + match[0].length - 1);
  for (const start of starts.toReversed().slice(0, MAX_CANDIDATES)) {
    const usage = objectFrom(text, start);
    if (usage !== undefined && collectUsage(usage, tally.counters)) return true;
  }
  return false;
}

/** The object that begins at `start`, if it also ends in this text. */
function objectFrom(text: string, start: number): JsonObject | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      depth -= 1;
      if (depth > 0) continue;
      const value = parseJson(text.slice(start, at + 1));
      return isObject(value) ? value : undefined;
    }
  }
  return undefined;
}
