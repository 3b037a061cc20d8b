import { configError } from "../errors.ts";
import { isObject, parseInteger, rejectUnknownKeys } from "../parse.ts";
import type { Usage } from "../usage.ts";

/**
 * Makes calls slower before they are refused: from `above` percent of a limit on, each is delayed,
 * by more the closer usage comes to the limit.
 */
export interface SlowDown {
  /** In percent of a limit, from 0 to below 100. @default 80 */
  readonly above?: number;
  /** The delay at the limit itself, in ms: 1 to 60_000. @default 5000 */
  readonly maxDelayMs?: number;
}

/** Checks a `slowDown` option. */
export function parseSlowDown(value: unknown, path: string): Required<SlowDown> | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw configError(path, "an object", value);
  rejectUnknownKeys(value, ["above", "maxDelayMs"], path);
  const { above = 80, maxDelayMs = 5000 } = value;
  if (typeof above !== "number" || !(above >= 0 && above < 100)) {
    throw configError(`${path}.above`, "a percentage from 0 to below 100", above);
  }
  const longestMs = parseInteger(maxDelayMs, `${path}.maxDelayMs`, "milliseconds", 1, 60_000);
  return { above, maxDelayMs: longestMs };
}

/**
 * How long an admitted call is delayed: as the limit that is closest to full asks for, in proportion
 * to how far its usage has come from `above` to 100 percent.
 */
export function delayFor(
  usages: readonly Usage[],
  { above, maxDelayMs }: Required<SlowDown>,
): number {
  const fullest = usages.reduce(
    (most, { percentage, shadow }) => (shadow ? most : Math.max(most, percentage)),
    0,
  );
  const share = (Math.min(100, fullest) - above) / (100 - above);
  return Math.max(0, Math.ceil(share * maxDelayMs));
}
