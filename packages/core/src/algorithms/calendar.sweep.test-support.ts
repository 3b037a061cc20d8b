import assert from "node:assert/strict";

import { type CalendarRule, calendarWindows, type WindowSequence } from "./calendar.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS: number = 24 * HOUR_MS;

/** Windows of days that begin with the day, on Mondays and on the first, unless told otherwise. */
export const ruleOf = (timeZone: string, rule: Partial<CalendarRule> = {}): CalendarRule => ({
  unit: "day",
  weekStart: 1,
  monthStart: 1,
  timeZone,
  ...rule,
});

type WallClock = (ms: number) => Shown;

// Making one takes as long as a thousand looks at it.
const wallClocks = new Map<string, WallClock>();

/** What a clock on the wall of `timeZone` shows; told by another way through `Intl` than the code's. */
function wallClock(timeZone: string): WallClock {
  const known = wallClocks.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-GB", {
    dateStyle: "short",
    timeStyle: "medium",
    timeZone,
  });
  const clock: WallClock = (ms) => {
    const digits = format.format(ms).match(/\d+/g) ?? [];
    const [day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0] = digits.map(Number);
    return { year, month, day, hour, minute, second };
  };
  wallClocks.set(timeZone, clock);
  return clock;
}

interface Shown {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const dateOf = ({ year, month, day }: Shown): number => year * 10_000 + month * 100 + day;
const timeOf = ({ hour, minute, second }: Shown): number => hour * 10_000 + minute * 100 + second;

/**
 * Walks through the windows from the one that holds `fromMs` to the one that holds `untilMs`, and
 * fails unless each is found from its first and from its last millisecond alike and begins where
 * the one before it ends.
 *
 * @returns the first instant of each, and at last the end
 */
export function walk(rule: CalendarRule, fromMs: number, untilMs: number): readonly number[] {
  // Two sequences: one that remembered the window would agree with itself.
  const [forward, backward] = [calendarWindows(rule), calendarWindows(rule)];
  const boundaries = [forward.startOf(fromMs)];
  assert.ok((boundaries[0] ?? fromMs) <= fromMs);
  for (let startMs = boundaries[0] ?? fromMs; startMs <= untilMs;) {
    const endMs = forward.endOf(startMs);
    assert.ok(endMs > startMs, `${rule.timeZone}: an empty window at ${iso(startMs)}`);
    assert.equal(forward.startOf(startMs), startMs, `${rule.timeZone}: ${iso(startMs)}`);
    assert.equal(backward.startOf(endMs - 1), startMs, `${rule.timeZone}: ${iso(startMs)}`);
    assert.equal(backward.endOf(endMs - 1), endMs, `${rule.timeZone}: ${iso(startMs)}`);
    boundaries.push(endMs);
    startMs = endMs;
  }
  return boundaries;
}

export const iso = (ms: number): string => new Date(ms).toISOString();

/** Fails unless the windows hold `ms` and are the same seen from their ends. */
export function checkAt(rule: CalendarRule, ms: number): void {
  const { startOf, endOf } = calendarWindows(rule);
  const [startMs, endMs] = [startOf(ms), endOf(ms)];
  assert.ok(startMs <= ms && ms < endMs);
  for (const sameMs of [startMs, endMs - 1]) {
    const windows: WindowSequence = calendarWindows(rule);
    assert.equal(windows.startOf(sameMs), startMs);
    assert.equal(windows.endOf(sameMs), endMs);
  }
  assert.equal(calendarWindows(rule).startOf(endMs), endMs);
  assert.equal(calendarWindows(rule).endOf(startMs - 1), startMs);
}

/** Fails unless the zone never showed the date that it shows at `startMs` in the hours before. */
export function checkFirstOfDate(timeZone: string, startMs: number): void {
  const shownAt = wallClock(timeZone);
  const date = dateOf(shownAt(startMs));
  for (const beforeMs of [1, HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 23 * HOUR_MS]) {
    assert.ok(dateOf(shownAt(startMs - beforeMs)) < date, `${timeZone}: ${iso(startMs)}`);
  }
}

/** Sweeps through the months that hold 10 January to 10 December. @returns how many there were */
export function sweepMonths(timeZone: string, year: number, monthStart: number): number {
  const rule = ruleOf(timeZone, { unit: "month", monthStart });
  const shownAt = wallClock(timeZone);
  const boundaries = walk(rule, Date.UTC(year, 0, 10), Date.UTC(year, 11, 10));
  for (const startMs of boundaries) {
    const shown = shownAt(startMs);
    const days = new Date(Date.UTC(shown.year, shown.month, 0)).getUTCDate();
    assert.equal(shown.day, Math.min(monthStart, days), `${timeZone}: ${iso(startMs)}`);
    checkFirstOfDate(timeZone, startMs);
  }
  return boundaries.length - 1;
}

/** Sweeps through the days and hours around every switch of a year. @returns how many there were */
export function sweepSwitches(timeZone: string, year: number): number {
  const switches = switchesOf(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
  for (const switchMs of switches) {
    sweepDays(timeZone, switchMs - DAY_MS, switchMs + DAY_MS);
    sweepHours(timeZone, switchMs - 2 * HOUR_MS, switchMs + 2 * HOUR_MS);
  }
  return switches.length;
}

function sweepDays(timeZone: string, fromMs: number, untilMs: number): void {
  const boundaries = walk(ruleOf(timeZone), fromMs, untilMs);
  const shownAt = wallClock(timeZone);
  for (const [index, startMs] of boundaries.entries()) {
    checkFirstOfDate(timeZone, startMs);
    if (index === 0) continue;
    const { year, month, day } = shownAt(startMs);
    const before = shownAt(boundaries[index - 1] ?? 0);
    const dates =
      (Date.UTC(year, month - 1, day) - Date.UTC(before.year, before.month - 1, before.day)) /
      DAY_MS;
    // Two zones crossed the date line and left 30 December 2011 out.
    const leftOut = dateOf(before) === 20_111_229 && dates === 2;
    assert.ok(dates === 1 || leftOut, `${timeZone}: ${iso(startMs)}`);
  }
}

function sweepHours(timeZone: string, fromMs: number, untilMs: number): void {
  const boundaries = walk(ruleOf(timeZone, { unit: "hour" }), fromMs, untilMs);
  const shownAt = wallClock(timeZone);
  for (const [index, endMs] of boundaries.entries()) {
    assert.equal(timeOf(shownAt(endMs)) % 10_000, 0, `${timeZone}: ${iso(endMs)}`);
    if (index === 0) continue;
    const startMs = boundaries[index - 1] ?? 0;
    assert.ok(endMs - startMs >= HOUR_MS / 2, `${timeZone}: ${iso(startMs)}`);
    assert.ok(endMs - startMs < 2 * HOUR_MS, `${timeZone}: ${iso(startMs)}`);
    for (let ms = startMs + 60_000; ms < endMs; ms += 60_000 * 7) {
      assert.notEqual(timeOf(shownAt(ms)) % 10_000, 0, `${timeZone}: ${iso(ms)}`);
    }
  }
}

/** The instants at which the zone's distance from UTC changes; two within a week may be missed. */
function switchesOf(timeZone: string, fromMs: number, untilMs: number): readonly number[] {
  const shownAt = wallClock(timeZone);
  const offsetAt = (ms: number): number => {
    const { year, month, day, hour, minute, second } = shownAt(ms);
    return Date.UTC(year, month - 1, day, hour, minute, second) - ms;
  };
  const switches: number[] = [];
  for (let ms = fromMs; ms < untilMs; ms += 7 * DAY_MS) {
    let [before, after] = [ms, ms + 7 * DAY_MS];
    if (offsetAt(before) === offsetAt(after)) continue;
    while (after - before > 1000) {
      const middle = before + Math.floor((after - before) / 2000) * 1000;
      if (offsetAt(middle) === offsetAt(before)) before = middle;
      else after = middle;
    }
    switches.push(after);
  }
  return switches;
}
