import { ceilSeconds } from "../fields/numbers.ts";

// RFC 3339 knows four digits of years.
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

/**
 * A time as Go prints durations and OpenAI prints resets: `0s`, `12ms`, `59.56s`, `6m0s`, `1h0m0s`.
 * Rounded up to milliseconds.
 */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms)) + 0;
  if (whole === 0) return "0s";
  if (whole < 1000) return `${String(whole)}ms`;
  const minutes = Math.floor(whole / 60_000);
  const hours = Math.floor(minutes / 60);
  // Divided once, so that no digits appear that the milliseconds do not have.
  const seconds = `${String((whole % 60_000) / 1000)}s`;
  if (minutes === 0) return seconds;
  return hours === 0
    ? `${String(minutes)}m${seconds}`
    : `${String(hours)}h${String(minutes % 60)}m${seconds}`;
}

/** An instant in RFC 3339, UTC, rounded up to seconds. */
export const instant = (epochMs: number): string =>
  new Date(Math.min(ceilSeconds(epochMs), LAST_SECOND) * 1000).toISOString().replace(".000Z", "Z");
