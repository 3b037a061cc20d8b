/**
 * Three kinds of windows at the same minute, and days that follow the calendar.
 *
 *     pnpm example examples/windows.ts
 */
import { createLimiter, type Limiter, memoryStore, type WindowLimitInput } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

type Say = (line: string) => void;

const tenAMinute = { type: "count", window: "minute", limit: 10 } as const;

/** How many calls a limiter admits, one after the other, of so many. */
function admittedOf(limiter: Limiter<"sync">, calls: number): number {
  let admitted = 0;
  for (let call = 0; call < calls; call += 1) {
    if (limiter.checkAndRecord("ann").allowed) admitted += 1;
  }
  return admitted;
}

function compareAtTheBoundary(say: Say): void {
  const clock = manualClock();
  const limiters = (["fixed", "sliding", "sliding-log"] as const).map((algorithm) => ({
    algorithm,
    limiter: createLimiter({
      limits: [{ ...tenAMinute, algorithm }],
      store: memoryStore({ clock: clock.now }),
    }),
  }));
  const burst = (at: string, calls: number): void => {
    const numbers = limiters.map(
      ({ algorithm, limiter }) => `${algorithm} ${String(admittedOf(limiter, calls))}`,
    );
    say(`  ${at}: ${numbers.join(", ")} of ${String(calls)} admitted`);
  };

  say("Ten calls a minute");
  burst("0:00", 1);
  clock.advance(59_000);
  burst("0:59", 20);
  say("A second later a fixed window begins anew, and the others remember");
  clock.advance(1000);
  burst("1:00", 20);
  clock.advance(30_000);
  burst("1:30", 20);
  say("A counter weighs its last minute as if it had been even; a log knows when its calls came");
  clock.advance(29_000);
  burst("1:59", 20);
}

const plainDay = { type: "count", window: "day", limit: 3 } as const;
const dayInBerlin = { ...plainDay, align: "calendar", timeZone: "Europe/Berlin" } as const;

const waitOf = (limiter: Limiter<"sync">): string =>
  `${String((limiter.check("ann").retryAfterMs ?? 0) / 3_600_000)} h`;

function spendADay(midnight: string, say: Say): void {
  const midnightMs = Date.parse(midnight);
  const clock = manualClock(midnightMs - 3_600_000);
  const limiterOf = (limit: WindowLimitInput): Limiter<"sync"> =>
    createLimiter({ limits: [limit], store: memoryStore({ clock: clock.now }) });
  const [plain, inBerlin] = [limiterOf(plainDay), limiterOf(dayInBerlin)];

  for (const limiter of [plain, inBerlin]) admittedOf(limiter, 3);
  say(`  spent an hour before midnight: ${waitOf(inBerlin)} to wait, ${waitOf(plain)} otherwise`);
  clock.set(midnightMs);
  const admitted = admittedOf(inBerlin, 5);
  say(`  at midnight ${String(admitted)} more, and this day lasts ${waitOf(inBerlin)}`);
}

/** @param say told each line */
export function run(say: Say = console.log): void {
  compareAtTheBoundary(say);
  say("Three calls a day by the calendar of Berlin, whose clocks go forward on 29 March 2026");
  spendADay("2026-03-29T00:00:00+01:00", say);
  say("... and back on 25 October");
  spendADay("2026-10-25T00:00:00+02:00", say);
}

if (isMain(import.meta.url)) run();
