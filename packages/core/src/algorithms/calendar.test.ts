import { execFileSync } from "node:child_process";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import {
  checkAt,
  checkFirstOfDate,
  DAY_MS,
  HOUR_MS,
  iso,
  ruleOf,
  sweepMonths,
  sweepSwitches,
  walk,
} from "./calendar.sweep.test-support.ts";
import { type CalendarRule, calendarWindows, isTimeZone } from "./calendar.ts";

const zones = Intl.supportedValuesOf("timeZone");

/** Where, at which moment, and when the window that holds it begins and ends. */
type Row = readonly [timeZone: string, moment: string, start: string, end: string];

function expectWindow(rule: CalendarRule, [, moment, start, end]: Row): void {
  const { startOf, endOf } = calendarWindows(rule);
  const ms = Date.parse(moment);
  expect(iso(startOf(ms))).toBe(iso(Date.parse(start)));
  expect(iso(endOf(ms))).toBe(iso(Date.parse(end)));
}

const lengthMs = (rule: CalendarRule, moment: string): number => {
  const { startOf, endOf } = calendarWindows(rule);
  return endOf(Date.parse(moment)) - startOf(Date.parse(moment));
};

describe("a day begins at the first local midnight", () => {
  const rows: readonly Row[] = [
    ["UTC", "2026-06-15T12:00Z", "2026-06-15T00:00Z", "2026-06-16T00:00Z"],
    ["Asia/Kolkata", "2026-06-15T12:00+05:30", "2026-06-15T00:00+05:30", "2026-06-16T00:00+05:30"],
    [
      "Asia/Kathmandu",
      "2026-06-15T23:59+05:45",
      "2026-06-15T00:00+05:45",
      "2026-06-16T00:00+05:45",
    ],
    [
      "Europe/Berlin",
      "2026-03-28T23:59:59.999+01:00",
      "2026-03-28T00:00+01:00",
      "2026-03-29T00:00+01:00",
    ],
    ["Europe/Berlin", "2026-03-29T00:00+01:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"],
    ["Europe/Berlin", "2026-10-25T23:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"],
    [
      "Europe/Berlin",
      "2024-02-29T23:59:59.999+01:00",
      "2024-02-29T00:00+01:00",
      "2024-03-01T00:00+01:00",
    ],
    ["Europe/Berlin", "2026-02-28T12:00+01:00", "2026-02-28T00:00+01:00", "2026-03-01T00:00+01:00"],
    ["Europe/Berlin", "2026-12-31T23:30+01:00", "2026-12-31T00:00+01:00", "2027-01-01T00:00+01:00"],
    ["Europe/Berlin", "1970-01-01T00:00Z", "1970-01-01T00:00+01:00", "1970-01-02T00:00+01:00"],
    [
      "Europe/Berlin",
      "9999-12-31T12:00+01:00",
      "9999-12-31T00:00+01:00",
      "+010000-01-01T00:00+01:00",
    ],
    [
      "America/New_York",
      "2026-03-08T12:00-04:00",
      "2026-03-08T00:00-05:00",
      "2026-03-09T00:00-04:00",
    ],
    [
      "America/New_York",
      "2026-11-01T12:00-05:00",
      "2026-11-01T00:00-04:00",
      "2026-11-02T00:00-05:00",
    ],
    [
      "America/New_York",
      "2026-12-31T23:59:59.999-05:00",
      "2026-12-31T00:00-05:00",
      "2027-01-01T00:00-05:00",
    ],
    [
      "Australia/Sydney",
      "2026-04-05T12:00+10:00",
      "2026-04-05T00:00+11:00",
      "2026-04-06T00:00+10:00",
    ],
    [
      "Australia/Sydney",
      "2026-10-04T12:00+11:00",
      "2026-10-04T00:00+10:00",
      "2026-10-05T00:00+11:00",
    ],
    [
      "Pacific/Auckland",
      "2026-04-05T12:00+12:00",
      "2026-04-05T00:00+13:00",
      "2026-04-06T00:00+12:00",
    ],
    [
      "Pacific/Auckland",
      "2026-09-27T12:00+13:00",
      "2026-09-27T00:00+12:00",
      "2026-09-28T00:00+13:00",
    ],
    // Half an hour of daylight saving: days of 24.5 and 23.5 hours.
    [
      "Australia/Lord_Howe",
      "2026-04-05T12:00+10:30",
      "2026-04-05T00:00+11:00",
      "2026-04-06T00:00+10:30",
    ],
    [
      "Australia/Lord_Howe",
      "2026-10-04T12:00+11:00",
      "2026-10-04T00:00+10:30",
      "2026-10-05T00:00+11:00",
    ],
    // Midnight skipped.
    [
      "America/Sao_Paulo",
      "2018-11-04T01:00-02:00",
      "2018-11-04T01:00-02:00",
      "2018-11-05T00:00-02:00",
    ],
    [
      "America/Sao_Paulo",
      "2018-11-03T23:59-03:00",
      "2018-11-03T00:00-03:00",
      "2018-11-04T01:00-02:00",
    ],
    ["Africa/Cairo", "2023-04-28T12:00+03:00", "2023-04-28T01:00+03:00", "2023-04-29T00:00+03:00"],
    [
      "America/Havana",
      "2026-03-08T12:00-04:00",
      "2026-03-08T01:00-04:00",
      "2026-03-09T00:00-04:00",
    ],
    // Put back at midnight to 23:00, so that midnight comes an hour later.
    [
      "America/Sao_Paulo",
      "2018-02-17T23:30-03:00",
      "2018-02-17T00:00-02:00",
      "2018-02-18T00:00-03:00",
    ],
    // Put back at 01:00 to midnight.
    [
      "America/Havana",
      "2026-11-01T00:30-05:00",
      "2026-11-01T00:00-04:00",
      "2026-11-02T00:00-05:00",
    ],
    // Put back at 00:01 to 23:01, which then belongs to the day that had begun.
    [
      "America/St_Johns",
      "2010-11-07T00:00:30-02:30",
      "2010-11-07T00:00-02:30",
      "2010-11-08T00:00-03:30",
    ],
    [
      "America/St_Johns",
      "2010-11-06T23:30-03:30",
      "2010-11-07T00:00-02:30",
      "2010-11-08T00:00-03:30",
    ],
    // Without a 30 December.
    ["Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00"],
    ["Pacific/Apia", "2011-12-31T00:00+14:00", "2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"],
    // 44 minutes and 30 seconds behind UTC.
    ["Africa/Monrovia", "1971-07-01T12:00Z", "1971-07-01T00:44:30Z", "1971-07-02T00:44:30Z"],
  ];
  test.each(rows)("in %s at %s", (...row) => {
    expectWindow(ruleOf(row[0]), row);
  });
});

describe("a week begins on the day asked for", () => {
  const rows: readonly (readonly [weekStart: number, ...row: Row])[] = [
    [
      1,
      "Europe/Berlin",
      "2026-03-29T12:00+02:00",
      "2026-03-23T00:00+01:00",
      "2026-03-30T00:00+02:00",
    ],
    [
      0,
      "Europe/Berlin",
      "2026-03-29T12:00+02:00",
      "2026-03-29T00:00+01:00",
      "2026-04-05T00:00+02:00",
    ],
    [
      6,
      "Europe/Berlin",
      "2026-03-29T12:00+02:00",
      "2026-03-28T00:00+01:00",
      "2026-04-04T00:00+02:00",
    ],
    [
      1,
      "America/New_York",
      "2026-11-01T12:00-05:00",
      "2026-10-26T00:00-04:00",
      "2026-11-02T00:00-05:00",
    ],
    [
      0,
      "America/New_York",
      "2026-11-01T12:00-05:00",
      "2026-11-01T00:00-04:00",
      "2026-11-08T00:00-05:00",
    ],
    [
      1,
      "Australia/Sydney",
      "2026-10-04T12:00+11:00",
      "2026-09-28T00:00+10:00",
      "2026-10-05T00:00+11:00",
    ],
    [
      1,
      "Asia/Kolkata",
      "2024-02-29T12:00+05:30",
      "2024-02-26T00:00+05:30",
      "2024-03-04T00:00+05:30",
    ],
    [6, "Asia/Dubai", "2026-01-01T12:00+04:00", "2025-12-27T00:00+04:00", "2026-01-03T00:00+04:00"],
    [
      1,
      "Pacific/Auckland",
      "2027-01-01T00:00+13:00",
      "2026-12-28T00:00+13:00",
      "2027-01-04T00:00+13:00",
    ],
    [3, "UTC", "1970-01-01T00:00Z", "1969-12-31T00:00Z", "1970-01-07T00:00Z"],
    // The Friday that Apia left out.
    [
      5,
      "Pacific/Apia",
      "2012-01-01T00:00+14:00",
      "2011-12-31T00:00+14:00",
      "2012-01-06T00:00+14:00",
    ],
  ];
  test.each(rows)("on day %s in %s at %s", (weekStart, ...row) => {
    expectWindow(ruleOf(row[0], { unit: "week", weekStart }), row);
  });
});

describe("a month begins on the day asked for, or on its last", () => {
  const rows: readonly (readonly [monthStart: number, ...row: Row])[] = [
    [
      1,
      "Europe/Berlin",
      "2026-02-10T12:00+01:00",
      "2026-02-01T00:00+01:00",
      "2026-03-01T00:00+01:00",
    ],
    [
      1,
      "Europe/Berlin",
      "2024-02-29T12:00+01:00",
      "2024-02-01T00:00+01:00",
      "2024-03-01T00:00+01:00",
    ],
    [
      1,
      "Europe/Berlin",
      "2026-03-31T23:59+02:00",
      "2026-03-01T00:00+01:00",
      "2026-04-01T00:00+02:00",
    ],
    [
      1,
      "Europe/Berlin",
      "2026-10-31T12:00+01:00",
      "2026-10-01T00:00+02:00",
      "2026-11-01T00:00+01:00",
    ],
    [
      1,
      "Europe/Berlin",
      "2026-12-31T23:30+01:00",
      "2026-12-01T00:00+01:00",
      "2027-01-01T00:00+01:00",
    ],
    [
      1,
      "Australia/Sydney",
      "2026-04-30T23:59+10:00",
      "2026-04-01T00:00+11:00",
      "2026-05-01T00:00+10:00",
    ],
    [
      1,
      "Australia/Sydney",
      "2026-10-01T00:00+10:00",
      "2026-10-01T00:00+10:00",
      "2026-11-01T00:00+11:00",
    ],
    [
      1,
      "Africa/Tunis",
      "2005-05-15T12:00+02:00",
      "2005-05-01T01:00+02:00",
      "2005-06-01T00:00+02:00",
    ],
    [1, "UTC", "1970-01-01T00:00Z", "1970-01-01T00:00Z", "1970-02-01T00:00Z"],
    [
      1,
      "Pacific/Apia",
      "2011-12-31T12:00+14:00",
      "2011-12-01T00:00-10:00",
      "2012-01-01T00:00+14:00",
    ],
    [
      15,
      "America/New_York",
      "2026-03-14T23:59-04:00",
      "2026-02-15T00:00-05:00",
      "2026-03-15T00:00-04:00",
    ],
    [
      15,
      "America/New_York",
      "2026-03-15T00:00-04:00",
      "2026-03-15T00:00-04:00",
      "2026-04-15T00:00-04:00",
    ],
    [
      15,
      "America/New_York",
      "2026-11-14T12:00-05:00",
      "2026-10-15T00:00-04:00",
      "2026-11-15T00:00-05:00",
    ],
    [
      15,
      "America/New_York",
      "2027-01-10T12:00-05:00",
      "2026-12-15T00:00-05:00",
      "2027-01-15T00:00-05:00",
    ],
    [
      31,
      "America/New_York",
      "2026-02-10T12:00-05:00",
      "2026-01-31T00:00-05:00",
      "2026-02-28T00:00-05:00",
    ],
    [
      31,
      "America/New_York",
      "2026-03-01T00:00-05:00",
      "2026-02-28T00:00-05:00",
      "2026-03-31T00:00-04:00",
    ],
    [
      31,
      "America/New_York",
      "2024-02-29T12:00-05:00",
      "2024-02-29T00:00-05:00",
      "2024-03-31T00:00-04:00",
    ],
    [
      31,
      "America/New_York",
      "2026-04-15T12:00-04:00",
      "2026-03-31T00:00-04:00",
      "2026-04-30T00:00-04:00",
    ],
    [
      31,
      "America/New_York",
      "2026-04-30T00:00-04:00",
      "2026-04-30T00:00-04:00",
      "2026-05-31T00:00-04:00",
    ],
    [
      31,
      "America/New_York",
      "2026-12-31T12:00-05:00",
      "2026-12-31T00:00-05:00",
      "2027-01-31T00:00-05:00",
    ],
    [
      30,
      "Asia/Kolkata",
      "2026-02-15T12:00+05:30",
      "2026-01-30T00:00+05:30",
      "2026-02-28T00:00+05:30",
    ],
    [
      29,
      "Asia/Kolkata",
      "2025-02-28T12:00+05:30",
      "2025-02-28T00:00+05:30",
      "2025-03-29T00:00+05:30",
    ],
    [
      29,
      "Asia/Kolkata",
      "2024-02-28T12:00+05:30",
      "2024-01-29T00:00+05:30",
      "2024-02-29T00:00+05:30",
    ],
    // On the date that Apia left out.
    [
      30,
      "Pacific/Apia",
      "2012-01-15T12:00+14:00",
      "2011-12-31T00:00+14:00",
      "2012-01-30T00:00+14:00",
    ],
  ];
  test.each(rows)("on the %s. in %s at %s", (monthStart, ...row) => {
    expectWindow(ruleOf(row[0], { unit: "month", monthStart }), row);
  });
});

describe("an hour begins whenever the local clock shows a full one", () => {
  const rows: readonly Row[] = [
    ["UTC", "2026-06-15T10:45Z", "2026-06-15T10:00Z", "2026-06-15T11:00Z"],
    ["Asia/Kolkata", "2026-06-15T10:45+05:30", "2026-06-15T10:00+05:30", "2026-06-15T11:00+05:30"],
    [
      "Asia/Kathmandu",
      "2026-06-15T10:00+05:45",
      "2026-06-15T10:00+05:45",
      "2026-06-15T11:00+05:45",
    ],
    [
      "America/New_York",
      "2026-12-31T23:59:59.999-05:00",
      "2026-12-31T23:00-05:00",
      "2027-01-01T00:00-05:00",
    ],
    ["Europe/Berlin", "2026-03-29T01:30+01:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"],
    ["Europe/Berlin", "2026-03-29T03:30+02:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"],
    ["Europe/Berlin", "2026-10-25T02:30+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"],
    ["Europe/Berlin", "2026-10-25T02:30+01:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"],
    // Half an hour of daylight saving: 02:00 is not shown at the switch, and 90 minutes are one window.
    [
      "Australia/Lord_Howe",
      "2026-04-05T01:45+10:30",
      "2026-04-05T01:00+11:00",
      "2026-04-05T02:00+10:30",
    ],
    [
      "Australia/Lord_Howe",
      "2026-10-04T02:45+11:00",
      "2026-10-04T01:00+10:30",
      "2026-10-04T03:00+11:00",
    ],
    // Put forward from 23:30 to midnight: half an hour.
    [
      "Asia/Pyongyang",
      "2018-05-04T23:10+08:30",
      "2018-05-04T23:00+08:30",
      "2018-05-05T00:00+09:00",
    ],
    ["Africa/Monrovia", "1971-01-01T00:00Z", "1970-12-31T23:44:30Z", "1971-01-01T00:44:30Z"],
  ];
  test.each(rows)("in %s at %s", (...row) => {
    expectWindow(ruleOf(row[0], { unit: "hour" }), row);
  });
});

describe("D-WIN-06 calendar windows are those of the zone", () => {
  const berlin = ruleOf("Europe/Berlin");

  test("a day lasts 23 or 25 hours when the clocks change, and February 2026 28 days", () => {
    expect(lengthMs(berlin, "2026-03-29T12:00+02:00")).toBe(23 * HOUR_MS);
    expect(lengthMs(berlin, "2026-10-25T12:00+01:00")).toBe(25 * HOUR_MS);
    const month = { ...berlin, unit: "month" } as const;
    expect(lengthMs(month, "2026-02-10T12:00+01:00")).toBe(28 * DAY_MS);
  });

  test("whatever the zone of the process", () => {
    const program = `
      import { calendarWindows } from "./calendar.ts";
      const windows = calendarWindows(${JSON.stringify(berlin)});
      const ms = Date.parse("2026-03-29T12:00Z");
      for (const zone of ["America/New_York", "Pacific/Apia", "UTC"]) {
        process.env.TZ = zone;
        const fresh = calendarWindows(${JSON.stringify(berlin)});
        console.log(new Date(ms).getHours(), fresh.startOf(ms), fresh.endOf(ms));
      }`;
    const lines = execFileSync(
      process.execPath,
      ["--import=tsx", "--input-type=module", "--eval", program],
      { cwd: __dirname, encoding: "utf8", env: { ...process.env, TZ: "America/New_York" } },
    );
    const [startMs, endMs] = [
      Date.parse("2026-03-29T00:00+01:00"),
      Date.parse("2026-03-30T00:00+02:00"),
    ];
    const window = `${String(startMs)} ${String(endMs)}`;
    expect(lines).toBe(`8 ${window}\n1 ${window}\n12 ${window}\n`);
  });
});

describe("calendar windows", () => {
  const anyRule = fc.record<CalendarRule>({
    unit: fc.constantFrom("hour", "day", "week", "month"),
    timeZone: fc.constantFrom(...zones),
    weekStart: fc.integer({ min: 0, max: 6 }),
    monthStart: fc.integer({ min: 1, max: 31 }),
  });
  const since1970 = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
  const recently = fc.integer({ min: 0, max: Date.UTC(2040, 0, 1) });

  test("hold the moment asked for and follow one another without a gap", () => {
    holds(fc.tuple(anyRule, fc.oneof(recently, since1970)), ([rule, ms]) => {
      checkAt(rule, ms);
    });
  });

  test("of days, weeks and months begin with the first instant of a date", () => {
    holds(fc.tuple(anyRule, recently), ([rule, ms]) => {
      if (rule.unit === "hour") return;
      checkFirstOfDate(rule.timeZone, calendarWindows(rule).startOf(ms));
    });
  });

  test("are the same whatever was asked for before", () => {
    const days = fc.array(fc.integer({ min: 0, max: 40 * 24 }), { maxLength: 60 });
    const switching = Date.UTC(2026, 2, 9);
    holds(
      fc.tuple(anyRule, days),
      ([rule, hours]) => {
        const asked = calendarWindows(rule);
        for (const hour of hours) {
          const ms = switching + hour * HOUR_MS;
          const fresh = calendarWindows(rule);
          expect([asked.startOf(ms), asked.endOf(ms)]).toEqual([
            fresh.startOf(ms),
            fresh.endOf(ms),
          ]);
        }
      },
      50,
    );
  });

  test("go on without a gap while clocks were set by the sun", () => {
    for (const timeZone of ["Europe/Amsterdam", "Africa/Monrovia", "Asia/Kolkata"]) {
      for (const unit of ["hour", "day", "week", "month"] as const) {
        const lengthDays = unit === "hour" ? 3 : 800;
        const fromMs = Date.UTC(1936, 11, 30);
        const boundaries = walk(ruleOf(timeZone, { unit }), fromMs, fromMs + lengthDays * DAY_MS);
        expect(boundaries.length).toBeGreaterThan(lengthDays / 31);
      }
    }
  });

  test("are refused for a zone that does not exist", () => {
    expect(() => calendarWindows(ruleOf("Mars/Olympus"))).toThrow(RangeError);
  });
});

describe("all zones from 2000 to 2040", () => {
  // In short runs one year in 16, another one for the next zone, so that every year has its turn.
  const step = process.env["TOLLGATE_TEST_SIZE"] === "long" ? 1 : 16;
  const timeoutMs = 600_000;
  const visits = zones.flatMap((timeZone, index) =>
    Array.from({ length: 41 }, (_, year) => ({ timeZone, year: 2000 + year })).filter(
      ({ year }) => (year + index) % step === 0,
    ),
  );

  test(
    "have twelve months a year, each from the first instant of its first date",
    () => {
      for (const [index, { timeZone, year }] of visits.entries()) {
        const monthStart = [1, 15, 31][index % 3] ?? 1;
        const months = sweepMonths(timeZone, year, monthStart);
        expect(months).toBe(12);
      }
    },
    timeoutMs,
  );

  test(
    "have contiguous days and hours around every switch",
    () => {
      const switches = visits.map(({ timeZone, year }) => sweepSwitches(timeZone, year));
      expect(switches.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(500);
    },
    timeoutMs,
  );
});

describe("a time zone", () => {
  test("is whatever Intl knows, in any case", () => {
    for (const name of [...zones, "UTC", "Etc/GMT+5", "EST5EDT", "europe/berlin"]) {
      expect({ name, known: isTimeZone(name) }).toEqual({ name, known: true });
    }
  });

  test("is neither an offset nor a name made up", () => {
    for (const name of [
      "",
      "Mars/Olympus",
      "+02:00",
      "-05",
      " UTC",
      "UTC\n",
      "Pacific/\u212Airitimati",
    ]) {
      expect({ name, known: isTimeZone(name) }).toEqual({ name, known: false });
    }
  });
});
