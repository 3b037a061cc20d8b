import type { Ending } from "./ending.ts";
import type { CallPolicy, CutPolicy } from "./policy.ts";
import type { TokenUsage, UsageSource } from "./tokens.ts";
import type { PartialUsage } from "./usage/read-usage.ts";
import type { UsageReading } from "./usage/usage-reader.ts";

/** What a call was thought to need. */
export interface Expected {
  readonly input: number;
  /** Whether an answer was to be written: not by embeddings, not to a request that says nothing. */
  readonly writes: boolean;
}

/** What a call turned out to need. Without `usage`, what was held stands. */
export interface Actual {
  readonly usage: TokenUsage | undefined;
  readonly source: UsageSource;
}

/** Nothing was spent, or nothing is to be charged. */
const nothing: Actual = {
  usage: { input: 0, cachedRead: 0, cacheWrite: 0, output: 0, reasoning: 0 },
  source: "none",
};

const asHeld: Actual = { usage: undefined, source: "estimated" };

/**
 * What a call is charged, by the best evidence there is: what the provider reported, else the text
 * that was emitted, else what was held.
 */
export function actualOf(
  ending: Ending,
  reading: UsageReading | undefined,
  expected: Expected,
  policy: CallPolicy,
): Actual {
  const reported = reportedBy(reading);
  if (reported !== undefined) return reported;
  if (!ending.reached) return nothing;
  const { finished, status } = ending;
  // Validation, or a provider that would not begin; only the request itself counts.
  if (finished && status >= 300 && status < 500) return nothing;
  const failed = status >= 500 || reading?.failed === true;
  if (failed) return cut(policy.onFailure, reading, expected, status);
  if (!finished) return cut(policy.onAbort, reading, expected, status);
  if (reading === undefined) return asHeld;
  if (!reading.begun) return inputAlone(expected);
  return reading.readable ? emitted(reading, expected) : asHeld;
}

/** A report that belongs to the end of an answer, and so tells all of it. */
function reportedBy(reading: UsageReading | undefined): Actual | undefined {
  if (reading?.usage?.input === undefined || !reading.complete) return undefined;
  const { usage } = reading;
  return { usage: filled(usage, usage.input ?? 0, usage.output ?? 0), source: "measured" };
}

function cut(
  policy: CutPolicy,
  reading: UsageReading | undefined,
  expected: Expected,
  status: number,
): Actual {
  if (policy === "refund") return nothing;
  if (policy === "reserved") return asHeld;
  // The body of an error is not an answer.
  if (reading === undefined || !reading.begun || (status >= 400 && reading.usage === undefined)) {
    return inputAlone(expected);
  }
  return reading.readable && !isHalf(reading) ? emitted(reading, expected) : asHeld;
}

// Half a JSON text says nothing; its other half was most likely written, too.
const isHalf = ({ recognised, emittedTokens, usage }: UsageReading): boolean =>
  !recognised && emittedTokens === 0 && usage === undefined;

const inputAlone = ({ input }: Expected): Actual => ({
  usage: filled({}, input, 0),
  source: "estimated",
});

/** The input, as reported where it was, and what was written so far: reported or counted, the larger. */
function emitted(reading: UsageReading, expected: Expected): Actual {
  const { usage = {}, emittedTokens } = reading;
  // Text where none was to come is an answer only if it looks like one of a model.
  const counts = expected.writes || reading.recognised;
  const counted = counts ? Math.ceil(emittedTokens) : 0;
  const output = Math.max(usage.output ?? 0, counted);
  const measured =
    usage.input !== undefined && usage.output !== undefined && output === usage.output;
  return {
    usage: filled(usage, usage.input ?? expected.input, output),
    source: measured ? "measured" : "counted",
  };
}

function filled(usage: PartialUsage, input: number, output: number): TokenUsage {
  const { cachedRead = 0, cacheWrite = 0, reasoning = 0 } = usage;
  return { input, cachedRead, cacheWrite, output, reasoning };
}
