/**
 * The limiter without HTTP: for a queue worker, a cron job, or a framework of your own.
 *
 *     pnpm example examples/limiter-only.ts
 */
import { createLimiter } from "@tollgate/core";

const limiter = createLimiter({
  limits: [
    { type: "count", window: "minute", limit: 3, scope: "user" },
    { type: "token", window: "day", limit: 1_000, scope: "user" },
  ],
  onEvent: ({ type }) => console.log(`  event: ${type}`),
});

const ann = { tenant: "acme", user: "ann" };

// What a call will cost is a guess at first: reserve it. Both limits are charged, or neither.
console.log("Ann asks for up to 800 tokens");
const first = limiter.reserve(ann, { count: 1, token: 800 });

// While the call runs, what it holds is not there for others.
console.log("... and at the same time for 300 more");
const second = limiter.reserve(ann, { count: 1, token: 300 });
console.log(`  ${second.outcome}: ${second.reason ?? ""}`);

// It cost less than was held: the rest is given back at once.
console.log("The first call ends; it cost 120 tokens");
if (first.reservation !== undefined) limiter.settle(first.reservation.id, { token: 120 });

console.log("Now 300 more fit");
const third = limiter.reserve(ann, { count: 1, token: 300 });
if (third.reservation !== undefined) limiter.release(third.reservation.id); // it never ran

// Waiting would not help here, so there is no time to retry.
console.log("Nobody can have 5,000 tokens");
const never = limiter.checkAndRecord(ann, { count: 1, token: 5_000 });
console.log(`  ${never.outcome}, retry after ${String(never.retryAfterMs)}: ${never.reason ?? ""}`);

console.log("In the end");
for (const { limit, current, max } of limiter.usage(ann)) {
  console.log(`  ${limit}: ${String(current)} of ${String(max)} used`);
}
limiter.close();
