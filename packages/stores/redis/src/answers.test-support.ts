import { expect } from "@jest/globals";
import { type Cost, createLimiter, type LimitInput, type Store } from "@tollgate/core";
import { type ManualClock, manualClock } from "@tollgate/core/testing";
import fc, { type Arbitrary } from "fast-check";

const kinds = ["take", "take", "reserve", "settle", "release", "renew", "record", "check"] as const;

/** One call, and how long after the one before. */
export interface Step {
  readonly waitMs: number;
  readonly user: string;
  readonly ip: string;
  readonly cost: { readonly count: number; readonly token: number };
  readonly kind: (typeof kinds)[number];
}

export const steps = (waitMs: Arbitrary<number>): Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      waitMs,
      user: fc.constantFrom("u", "v"),
      ip: fc.constantFrom("::1", "::2"),
      cost: fc.record({ count: fc.nat({ max: 3 }), token: fc.nat({ max: 42 }) }),
      kind: fc.constantFrom(...kinds),
    }),
    { minLength: 10, maxLength: 40 },
  );

/** What is the same in every store: not a reservation's id, which is drawn at random. */
const plain = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === "id" ? undefined : value)));

/** What calls cost beside what their step says. */
export interface Extra {
  readonly each?: Cost;
  readonly reserved?: Cost;
}

/** Takes the steps on all stores, one call after the other, and expects the same answers of them. */
export async function expectSameAnswers(
  makeStores: (clock: ManualClock) => readonly Store[],
  limits: readonly LimitInput[],
  taken: readonly Step[],
  { each = {}, reserved = {} }: Extra = {},
): Promise<void> {
  const clock = manualClock();
  const limiters = makeStores(clock).map((store) => createLimiter({ limits, store }));
  const held: (readonly string[])[] = [];
  for (const { waitMs, user, ip, cost: own, kind } of taken) {
    const cost = { ...own, ...each };
    clock.advance(waitMs);
    const ids = held[0] ?? [];
    const answers = await Promise.all(
      limiters.map(async (limiter, n) => {
        const id = ids[n] ?? "r.none";
        const subject = { user, ip };
        switch (kind) {
          case "take":
            return limiter.checkAndRecord(subject, cost);
          case "check":
            return limiter.check(subject, cost);
          case "record":
            return limiter.record(subject, cost);
          case "settle":
            return limiter.settle(id, cost);
          case "release":
            return limiter.release(id);
          case "renew":
            return limiter.renew(id, 60_000);
          case "reserve":
            return limiter.reserve(subject, { ...cost, ...reserved }, { leaseMs: 60_000 });
        }
      }),
    );
    const usages = await Promise.all(limiters.map(async (limiter) => limiter.usage({ user, ip })));
    const [first, ...others] = answers.map((answer, n) => plain([answer, usages[n]]));
    for (const other of others) expect(other).toEqual(first);
    if (kind === "settle" || kind === "release") held.shift();
    const holding = answers.flatMap((answer) =>
      typeof answer === "object" && "reservation" in answer && answer.reservation
        ? [answer.reservation.id]
        : [],
    );
    if (holding.length > 0) held.push(holding);
  }
}
