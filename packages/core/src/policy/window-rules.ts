import { calendarWindows, isTimeZone } from "../algorithms/calendar.ts";
import { MAX_INTEGER } from "../algorithms/cell.ts";
import { configError } from "../errors.ts";
import { parseChoice, parseInteger } from "../parse.ts";
import { type LimitFields, type LimitRule, MAX_LIMIT, noNumbers } from "./limit-rule.ts";
import { windowMsOf } from "./window.ts";

const MAX_ENTRIES = 10_000;
const STANDARD_ENTRIES = 1000;

function windowLengthOf(window: unknown, path: string): { window: string; windowMs: number } {
  const windowMs = typeof window === "string" ? windowMsOf(window) : undefined;
  if (typeof window === "string" && windowMs !== undefined) return { window, windowMs };
  throw configError(
    `${path}.window`,
    'minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d"',
    window,
  );
}

const maxOf = ({ limit }: LimitFields, path: string): number =>
  parseInteger(limit, `${path}.limit`, "units per window", 1, MAX_LIMIT);

export function fixedRule(input: LimitFields, path: string): LimitRule {
  const { window, windowMs } = windowLengthOf(input["window"], path);
  return {
    numbers: { ...noNumbers, algorithm: "fixed-window", max: maxOf(input, path), windowMs },
    window,
    label: `per-${window}`,
    period: `window ${String(windowMs)}`,
  };
}

const calendarUnits = new Map([
  ["hour", "hour"],
  ["day", "day"],
  ["week", "week"],
  ["month", "month"],
] as const);

const weekdays: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [undefined, 1],
  ["sunday", 0],
  ["monday", 1],
  ["tuesday", 2],
  ["wednesday", 3],
  ["thursday", 4],
  ["friday", 5],
  ["saturday", 6],
]);

export function calendarRule(input: LimitFields, path: string): LimitRule {
  const unit = parseChoice(input["window"], `${path}.window`, calendarUnits);
  const { timeZone = "UTC", monthStart = 1 } = input;
  if (typeof timeZone !== "string" || !isTimeZone(timeZone)) {
    throw configError(`${path}.timeZone`, "an IANA time zone such as Europe/Berlin", timeZone);
  }
  for (const [key, owner] of [
    ["weekStart", "week"],
    ["monthStart", "month"],
  ] as const) {
    if (input[key] !== undefined && unit !== owner) {
      throw configError(`${path}.${key}`, `nothing, unless window is ${owner}`, input[key]);
    }
  }
  const weekStart = parseChoice(input["weekStart"], `${path}.weekStart`, weekdays);
  const firstDay = parseInteger(monthStart, `${path}.monthStart`, "a day of the month", 1, 31);
  const { windowMs } = windowLengthOf(unit, path);
  const calendar = calendarWindows({ unit, timeZone, weekStart, monthStart: firstDay });
  const begins =
    unit === "week" ? ` ${String(weekStart)}` : unit === "month" ? ` ${String(firstDay)}` : "";
  return {
    numbers: {
      ...noNumbers,
      algorithm: "fixed-window",
      max: maxOf(input, path),
      windowMs,
      calendar,
    },
    window: unit,
    label: `per-calendar-${unit}`,
    period: `calendar ${unit}${begins} ${timeZone.toLowerCase()}`,
  };
}

const ticks = [1, 10, 100, 1000, 10_000, 60_000];

/**
 * The finest resolution at which a sliding window computes exactly: counters times ticks must stay
 * below 2^53, with as much room again three times over for debt.
 */
function tickFor(max: number, windowMs: number): number | undefined {
  return ticks.find(
    (tickMs) => windowMs % tickMs === 0 && max <= Math.floor(MAX_INTEGER / 4 / (windowMs / tickMs)),
  );
}

export function slidingRule(input: LimitFields, path: string): LimitRule {
  const { window, windowMs } = windowLengthOf(input["window"], path);
  const max = maxOf(input, path);
  const tickMs = tickFor(max, windowMs);
  if (tickMs === undefined) {
    const fitting = ticks.filter((tick) => windowMs % tick === 0);
    const most = Math.floor(MAX_INTEGER / 4 / (windowMs / Math.max(...fitting)));
    throw configError(`${path}.limit`, `at most ${String(most)} per sliding ${window}`, max);
  }
  return {
    numbers: { ...noNumbers, algorithm: "sliding-window", max, windowMs, tickMs },
    window,
    label: `per-sliding-${window}`,
    period: `sliding ${String(windowMs)}`,
  };
}

export function logRule(input: LimitFields, path: string): LimitRule {
  const { window, windowMs } = windowLengthOf(input["window"], path);
  const { maxEntries = STANDARD_ENTRIES } = input;
  const place = `${path}.maxEntries`;
  const entries = parseInteger(maxEntries, place, "charges to tell apart", 1, MAX_ENTRIES);
  return {
    numbers: {
      ...noNumbers,
      algorithm: "sliding-log",
      max: maxOf(input, path),
      windowMs,
      maxEntries: entries,
    },
    window,
    label: `per-logged-${window}`,
    period: `log ${String(windowMs)}`,
  };
}
