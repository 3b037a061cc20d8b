import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { isTollgateError } from "../errors.ts";
import { parseLimits } from "../policy/limit.ts";
import { compilePlan } from "../policy/plan.ts";
import { Coalescer, type CoalescerOptions } from "./coalescer.ts";
import type { Answer, Job } from "./jobs.ts";
import type { Trip } from "./trip.ts";

const plan = compilePlan(
  "shared",
  parseLimits(
    ["tenant", "user"].map((scope) => ({ type: "count", window: "minute", limit: 5, scope })),
    "limits",
    "caller",
  ),
);

/** A job on the records of these ids. */
const jobOf = (tenant: string, user: string): Job => ({
  kind: "forget",
  address: { plan, ids: [tenant, user], tenant: undefined },
});

interface Flight {
  readonly trip: Trip;
  readonly land: (failure?: Error) => void;
}

/** Trips that are under way until they are told to land, and all that ever were. */
function airport(options: Partial<CoalescerOptions> = {}) {
  const flying: Flight[] = [];
  const departed: Trip[] = [];
  const coalescer = new Coalescer(
    (trip) =>
      new Promise<readonly Answer[]>((resolve, reject) => {
        departed.push(trip);
        flying.push({
          trip,
          land: (failure) => {
            if (failure === undefined) resolve(trip.jobs.map(() => undefined));
            else reject(failure);
          },
        });
      }),
    { maxBatch: 100, maxInFlight: 4, maxQueued: 100, ...options },
  );
  const land = async (index: number = 0, failure?: Error): Promise<void> => {
    flying.splice(index, 1)[0]?.land(failure);
    await turn();
  };
  return { coalescer, flying, departed, land };
}

/** Past everything that follows from what has happened by now. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const sizes = (trips: readonly Trip[]): readonly number[] => trips.map(({ jobs }) => jobs.length);

describe("calls that travel together", () => {
  test("a lone call leaves before anything else happens, those of one turn leave together", async () => {
    const { coalescer, departed, land } = airport();
    const ask = (): Promise<Answer> => coalescer.ask(jobOf("acme", "ann"));
    const first = ask();
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    expect(sizes(departed)).toEqual([1]);
    const calls = Array.from({ length: 4 }, ask);
    await turn();
    expect(sizes(departed)).toEqual([1]);
    await land();
    expect(sizes(departed)).toEqual([1, 4]);
    expect(coalescer.queued).toBe(0);
    await land();
    expect(await Promise.all([first, ...calls])).toHaveLength(5);
  });

  test("callers who are answered together and ask again leave together", async () => {
    const { coalescer, departed, flying, land } = airport();
    const loop = async (): Promise<void> => {
      for (let n = 0; n < 3; n += 1) await coalescer.ask(jobOf("acme", "ann"));
    };
    const loops = Promise.all(Array.from({ length: 8 }, loop));
    await turn();
    while (flying.length > 0) await land();
    await loops;
    expect(sizes(departed)).toEqual([8, 8, 8]);
  });

  test("where trips happen in order, a full one leaves while another is under way", async () => {
    const { coalescer, departed, flying, land } = airport({
      inOrder: true,
      maxBatch: 8,
      maxInFlight: 2,
    });
    const calls = [coalescer.ask(jobOf("acme", "ann"))];
    await turn();
    calls.push(coalescer.ask(jobOf("acme", "ann")));
    await turn();
    expect(sizes(departed)).toEqual([1]);
    for (let n = 0; n < 20; n += 1) calls.push(coalescer.ask(jobOf("acme", "ann")));
    await turn();
    expect(sizes(departed)).toEqual([1, 8]);
    while (flying.length > 0) await land();
    expect(sizes(departed)).toEqual([1, 8, 8, 5]);
    await Promise.all(calls);
  });

  test("D-STO-03 a call does not wait for others' records", async () => {
    const { coalescer, departed, land } = airport();
    const hanging = coalescer.ask(jobOf("acme", "ann"));
    await turn();
    const other = coalescer.ask(jobOf("globex", "bob"));
    await turn();
    expect(sizes(departed)).toEqual([1, 1]);
    await land(1);
    await other;
    await land();
    await hanging;
  });

  test("a call that wants what a waiting one wants leaves after it", async () => {
    const { coalescer, departed, land } = airport();
    const calls = [coalescer.ask(jobOf("acme", "ann"))];
    await turn();
    calls.push(coalescer.ask(jobOf("acme", "bob")), coalescer.ask(jobOf("globex", "bob")));
    await turn();
    expect(sizes(departed)).toEqual([1]);
    await land();
    expect(sizes(departed)).toEqual([1, 2]);
    await land();
    await Promise.all(calls);
  });

  test("no trip has more jobs than it may, and no more are under way", async () => {
    const { coalescer, departed, flying, land } = airport({ maxBatch: 3, maxInFlight: 2 });
    const calls = Array.from({ length: 12 }, (_, n) => coalescer.ask(jobOf(`t${n}`, `u${n}`)));
    await turn();
    expect(flying).toHaveLength(2);
    while (flying.length > 0) await land();
    expect(sizes(departed)).toEqual([3, 3, 3, 3]);
    await Promise.all(calls);
  });

  test("a failure fails the trip it happened on, and no other", async () => {
    const { coalescer, land } = airport();
    const calls = [coalescer.ask(jobOf("acme", "ann"))];
    await turn();
    calls.push(coalescer.ask(jobOf("acme", "ann")), coalescer.ask(jobOf("acme", "ann")));
    const outcomes = Promise.allSettled(calls);
    await turn();
    await land(0, new Error("the connection is gone"));
    await land();
    expect((await outcomes).map(({ status }) => status)).toEqual([
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });

  test("of a trip to several places one can fail or be late alone", async () => {
    const places = new Map<string, (failure?: Error) => void>();
    const coalescer = new Coalescer(
      ({ jobs }) =>
        jobs.map(({ job }) => {
          const [tenant = ""] = "address" in job ? job.address.ids : [];
          return new Promise<Answer>((resolve, reject) => {
            places.set(tenant, (failure) => {
              if (failure === undefined) resolve(undefined);
              else reject(failure);
            });
          });
        }),
      { maxBatch: 100, maxInFlight: 4, maxQueued: 100 },
    );
    const dead = coalescer.ask(jobOf("dead", "ann")).catch((error: unknown) => String(error));
    const well = coalescer.ask(jobOf("well", "bob"));
    await turn();
    places.get("well")?.();
    expect(await well).toBeUndefined();
    // Its records are free, though the trip is not over.
    const again = coalescer.ask(jobOf("well", "bob"));
    await turn();
    places.get("well")?.();
    await again;
    places.get("dead")?.(new Error("nobody there"));
    expect(await dead).toBe("Error: nobody there");
  });

  test("more than may wait are turned away, and those that wait are not", async () => {
    const { coalescer, flying, land } = airport({ maxQueued: 2 });
    const calls = [coalescer.ask(jobOf("acme", "ann"))];
    await turn();
    calls.push(coalescer.ask(jobOf("acme", "ann")), coalescer.ask(jobOf("acme", "ann")));
    const turnedAway = coalescer.ask(jobOf("acme", "ann")).catch((reason: unknown) => reason);
    const error: unknown = await Promise.race([turnedAway, turn()]);
    expect(isTollgateError(error) && error.code).toBe("STORE_OVERLOADED");
    while (flying.length > 0) await land();
    expect(await Promise.all(calls)).toHaveLength(3);
  });

  test("never two trips with a record in common, each call once, in its order on every record", async () => {
    const call = fc.record({ tenant: fc.nat(2), user: fc.nat(4), landing: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
        const { coalescer, departed, flying, land } = airport({ maxBatch: 4, maxInFlight: 3 });
        const asked: Job[] = [];
        const answers: Promise<Answer>[] = [];
        for (const { tenant, user, landing } of calls) {
          const job = jobOf(`t${tenant}`, `u${user}`);
          asked.push(job);
          answers.push(coalescer.ask(job));
          if (landing > 0) await turn();
          const keys = flying.flatMap(({ trip }) => trip.keys);
          expect(new Set(keys).size).toBe(keys.length);
          if (landing < flying.length) await land(landing);
        }
        await turn();
        while (flying.length > 0) await land();
        await Promise.all(answers);
        const order = departed.flatMap(({ jobs }) => jobs.map(({ job }) => job));
        expect(order).toHaveLength(asked.length);
        for (const id of ["t0", "t1", "t2", "u0", "u1", "u2", "u3", "u4"]) {
          const wants = (job: Job): boolean => "address" in job && job.address.ids.includes(id);
          expect(order.filter(wants)).toEqual(asked.filter(wants));
          expect(order.filter(wants).every((job, n) => job === asked.filter(wants)[n])).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
