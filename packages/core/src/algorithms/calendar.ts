/** Calendar units windows can be aligned to. */
type CalendarUnit = "hour" | "day" | "week" | "month";

/** Which windows a calendar has. */
export interface CalendarRule {
  readonly unit: CalendarUnit;
  /** IANA name of the zone whose clock is meant; one that {@link isTimeZone} knows. */
  readonly timeZone: string;
  /** The day weeks begin on: 0 is Sunday, 6 Saturday. */
  readonly weekStart: number;
  /** The day of the month months begin on, 1 to 31; the last day of a month that has fewer. */
  readonly monthStart: number;
}

/** Consecutive windows covering all time. */
export interface WindowSequence {
  /** Start (epoch ms) of the window that holds `ms`. */
  readonly startOf: (ms: number) => number;
  /** First boundary after `ms`: the exclusive end of the window that holds it. */
  readonly endOf: (ms: number) => number;
}

/**
 * Windows of the calendar, for the years 1900 to 9999.
 *
 * A wall time is what a local clock shows, written as the epoch ms at which a clock in UTC shows
 * the same. A day, week or month begins at the first instant whose wall time is its first midnight
 * or later: where the clock skips midnight that is 01:00, where it shows midnight twice the first
 * one, and a date that a zone left out has no window. An hour begins whenever the clock shows a
 * full hour: an hour shown twice is two windows, and one is shorter or longer, always below two
 * hours, only where the clock is moved by a part of an hour.
 */
export function calendarWindows(rule: CalendarRule): WindowSequence {
  const windowAt = finderOf(rule);
  const recent: Window[] = [];
  let last: Window = { startMs: 0, endMs: 0 };
  const find = (ms: number): Window => {
    if (holds(last, ms)) return last;
    last = recent.find((window) => holds(window, ms)) ?? remember(windowAt(ms));
    return last;
  };
  const remember = (window: Window): Window => {
    if (recent.unshift(window) > MAX_RECENT) recent.pop();
    return window;
  };
  return { startOf: (ms) => find(ms).startMs, endOf: (ms) => find(ms).endMs };
}

/** Whether `Intl` knows the zone. An offset, which only some of its versions take, is no zone. */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z][\w+/-]*$/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
};

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

type Clock = (ms: number) => number;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A month, on average: 400 Gregorian years hold 146,097 days. */
const MONTH_MS = (146_097 / 4800) * DAY_MS;

// When a window ends, subjects come back from it and from older ones in any order, and finding one
// takes a thousand times as long as a look at these.
const MAX_RECENT = 16;

const holds = ({ startMs, endMs }: Window, ms: number): boolean => ms >= startMs && ms < endMs;

/** How far `ms` is past a multiple of `unitMs`, before 1970 too. */
const past = (ms: number, unitMs: number): number => ((ms % unitMs) + unitMs) % unitMs;

function finderOf({ unit, timeZone, weekStart, monthStart }: CalendarRule): (ms: number) => Window {
  const clock = clockOf(timeZone);
  switch (unit) {
    case "hour":
      return (ms) => hourAt(clock, ms);
    case "day":
      return (ms) => daysAt(clock, dayWall, ms, DAY_MS);
    case "week":
      return (ms) => daysAt(clock, (week) => weekWall(week, weekStart), ms, 7 * DAY_MS);
    case "month":
      return (ms) => daysAt(clock, (month) => monthWall(month, monthStart), ms, MONTH_MS);
  }
}

const dayWall = (day: number): number => day * DAY_MS;

// 1 January 1970 was a Thursday, so day -4 was a Sunday.
const weekWall = (week: number, weekStart: number): number => (7 * week - 4 + weekStart) * DAY_MS;

const monthWall = (month: number, monthStart: number): number =>
  Math.min(Date.UTC(1970, month, 1) + (monthStart - 1) * DAY_MS, Date.UTC(1970, month + 1, 0));

/** The window at `ms`, of those that begin when the wall time gets to `wallOf(0)`, `wallOf(1)` … */
function daysAt(
  clock: Clock,
  wallOf: (index: number) => number,
  ms: number,
  usualMs: number,
): Window {
  let index = Math.floor(clock(ms) / usualMs);
  let startMs = instantOf(clock, wallOf(index));
  // The index is a guess, and a clock put back over midnight shows the day before its window's.
  while (startMs > ms) {
    index -= 1;
    startMs = instantOf(clock, wallOf(index));
  }
  for (;;) {
    index += 1;
    const endMs = instantOf(clock, wallOf(index));
    if (endMs > ms) return { startMs, endMs };
    startMs = endMs;
  }
}

/** The first instant whose wall time is `wallMs` or later. */
function instantOf(clock: Clock, wallMs: number): number {
  const instants = offsetsAround(clock, wallMs, DAY_MS)
    .map((offsetMs) => wallMs - offsetMs)
    .filter((ms) => clock(ms) === wallMs);
  return instants.length > 0 ? Math.min(...instants) : endOfGap(clock, wallMs);
}

/** When the clock was put forward over `wallMs`. */
function endOfGap(clock: Clock, wallMs: number): number {
  // No zone was ever further from UTC; clocks are moved at full seconds.
  let before = wallMs - 36 * HOUR_MS;
  let after = wallMs + 36 * HOUR_MS;
  while (after - before > 1000) {
    const middle = before + Math.floor((after - before) / 2000) * 1000;
    if (clock(middle) < wallMs) before = middle;
    else after = middle;
  }
  return after;
}

function hourAt(clock: Clock, ms: number): Window {
  const fullHours = offsetsAround(clock, ms, 2 * HOUR_MS)
    .map((offsetMs) => ms - past(ms + offsetMs, HOUR_MS))
    // Of two offsets, either may have its next full hour only after the clock was moved.
    .flatMap((hourMs) => [-1, 0, 1, 2].map((hours) => hourMs + hours * HOUR_MS))
    .filter((hourMs) => past(clock(hourMs), HOUR_MS) === 0);
  return {
    startMs: Math.max(...fullHours.filter((hourMs) => hourMs <= ms)),
    endMs: Math.min(...fullHours.filter((hourMs) => hourMs > ms)),
  };
}

/** How far the clock is ahead of UTC, in ms, at `ms`, and `reachMs` before and after it. */
const offsetsAround = (clock: Clock, ms: number, reachMs: number): readonly number[] => {
  const offsets = [ms - reachMs, ms, ms + reachMs].map((probeMs) => clock(probeMs) - probeMs);
  return [...new Set(offsets)];
};

/** Tells the wall time of a zone. */
function clockOf(timeZone: string): Clock {
  const format = formatOf(timeZone);
  return (ms) => {
    const shown = new Map<string, number>();
    for (const { type, value } of format.formatToParts(ms)) shown.set(type, Number(value));
    const field = (name: Intl.DateTimeFormatPartTypes): number => shown.get(name) ?? 0;
    const dayMs = Date.UTC(field("year"), field("month") - 1, field("day"));
    const seconds = (field("hour") * 60 + field("minute")) * 60 + field("second");
    return dayMs + seconds * 1000 + past(ms, 1000);
  };
}

// Some 25 kB each, and fewer than 600 names; were case to count, there would be no bound.
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const name = timeZone.toLowerCase();
  const known = formats.get(name);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    timeZone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(name, format);
  return format;
}
