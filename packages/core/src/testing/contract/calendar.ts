import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import {
  admitted,
  type ContractCase,
  refused,
  reserved,
  stage,
  usageOf,
  used,
} from "./contract-case.ts";

const HOUR_MS = 3_600_000;

const daily = (limit: number): LimitInput => ({
  type: "count",
  window: "day",
  limit,
  align: "calendar",
  timeZone: "Europe/Berlin",
});

/** What windows promise that follow the calendar. */
export const calendarCases: readonly ContractCase[] = [
  {
    name: "D-WIN-06 a calendar day has 23 or 25 hours when the clocks change",
    async run(makeStore) {
      for (const [midnight, hours] of [
        ["2026-03-29T00:00:00+01:00", 23],
        ["2026-10-25T00:00:00+02:00", 25],
      ] as const) {
        const { clock, limiter } = await stage(makeStore, [daily(1)]);
        const startMs = Date.parse(midnight);
        clock.set(startMs);
        await admitted(limiter.checkAndRecord("alice"));
        await refused(limiter.checkAndRecord("alice"), hours * HOUR_MS);
        clock.set(startMs + hours * HOUR_MS - 1);
        await refused(limiter.checkAndRecord("alice"), 1);
        clock.advance(1);
        await admitted(limiter.checkAndRecord("alice"));
      }
    },
  },
  {
    name: "D-WIN-06 a calendar month ends with the month",
    async run(makeStore) {
      const monthly = { ...daily(5), window: "month" } as const;
      const { clock, limiter } = await stage(makeStore, [monthly]);
      clock.set(Date.parse("2026-02-10T12:00:00+01:00"));
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
      const { resetsAtMs } = await usageOf(limiter, "alice");
      assert.equal(resetsAtMs, Date.parse("2026-03-01T00:00:00+01:00"));
      clock.set(resetsAtMs - 1);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.set(resetsAtMs);
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
    },
  },
  {
    name: "debt of a calendar day is repaid on the next one, and forgiven after that",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [daily(10)]);
      clock.set(Date.parse("2026-03-28T23:00:00+01:00"));
      await limiter.record("alice", { count: 14 });
      // Of 23 hours.
      clock.set(Date.parse("2026-03-29T00:00:00+01:00"));
      assert.equal(await used(limiter, "alice"), 4);
      assert.equal(
        (await usageOf(limiter, "alice")).resetsAtMs,
        Date.parse("2026-03-30T00:00:00+02:00"),
      );
      clock.set(Date.parse("2026-03-30T00:00:00+02:00"));
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "a hold taken on one calendar day gives nothing back on the next",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [daily(10)]);
      clock.set(Date.parse("2026-06-01T23:59:00+02:00"));
      const { id } = await reserved(limiter.reserve("alice", { count: 8 }));
      clock.advance(2 * 60_000);
      await admitted(limiter.checkAndRecord("alice", { count: 3 }));
      await limiter.settle(id, { count: 1 });
      assert.equal(await used(limiter, "alice"), 3);
    },
  },
];
