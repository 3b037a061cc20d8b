import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createLimiter, type Limiter, type LimitInput } from "@tollgate/core";

import { type BackendName, backendNames, openStore, type OpenStore } from "./backends.ts";
import { countingProxy, type CountingProxy } from "./counting-proxy.ts";
import { eachBackend, report } from "./each-backend.ts";

const scopes = ["tenant", "user", "session"];
const windows = ["minute", "hour", "day"] as const;

/** So many limits over three scopes. */
const limitsOf = (count: number): readonly LimitInput[] =>
  Array.from({ length: count }, (_, n) => ({
    type: "count",
    window: windows[Math.floor(n / 3) % 3] ?? "day",
    limit: 1_000_000,
    scope: scopes[n % 3] ?? "user",
  }));

/** What one call may take when its rows are there. */
const tripsOf = (backend: BackendName): number => (backend.startsWith("mariadb") ? 4 : 1);

const limiterOf = (opened: OpenStore | undefined, count: number): Limiter => {
  if (opened === undefined) throw new TypeError("the store was not opened");
  return createLimiter({
    store: opened.store,
    limits: limitsOf(count),
    name: `of-${String(count)}`,
  });
};

const onTheNetwork = backendNames.filter((backend) => !backend.startsWith("sqlite"));

eachBackend(
  ({ backend, url }) => {
    let proxy: CountingProxy;
    let [own, other]: (OpenStore | undefined)[] = [];
    const trips = tripsOf(backend);

    beforeAll(async () => {
      proxy = await countingProxy(url());
      [own, other] = await Promise.all(
        ["trips", "trips"].map((namespace) => openStore({ backend, url: proxy.url, namespace })),
      );
    });

    afterAll(async () => {
      await own?.close();
      await other?.close();
      await proxy.close();
    });

    /** How many round trips a call takes. */
    const counted = async (call: () => unknown): Promise<number> => {
      proxy.roundTrips();
      await call();
      return proxy.roundTrips();
    };

    test.each([1, 4, 8])(
      "a decision over %i limits takes as many round trips as over one",
      async (count) => {
        const limiter = limiterOf(own, count);
        const subject = { tenant: "acme", user: "alice", session: "s-1" };
        // The client connects, the tables and the script are made, and the statement is prepared.
        for (let n = 0; n < 3; n += 1)
          await limiter.checkAndRecord({ ...subject, session: "first" });
        const cold = await counted(() =>
          limiter.checkAndRecord({ tenant: "new", user: "new", session: "new" }),
        );
        await limiter.checkAndRecord(subject);
        const warm = await counted(() => limiter.checkAndRecord(subject));
        const reserving = await counted(() => limiter.reserve(subject));
        report(`${backend}, ${String(count)} limits: ${String(warm)} warm, ${String(cold)} cold`);
        expect(warm).toBe(trips);
        expect(reserving).toBe(trips);
        expect(cold).toBeGreaterThanOrEqual(warm);
        expect(cold).toBeLessThanOrEqual(trips + 2);
        await limiter.close();
      },
    );

    test("a settlement takes one trip, and a look at the reservation where another process took it", async () => {
      const limiter = limiterOf(own, 4);
      const elsewhere = limiterOf(other, 4);
      const subject = { tenant: "acme", user: "bob", session: "s-2" };
      const ids: string[] = [];
      for (let n = 0; n < 4; n += 1)
        ids.push((await limiter.reserve(subject)).reservation?.id ?? "");
      await limiter.settle(ids[0] ?? "", { count: 1 });
      await elsewhere.settle(ids[1] ?? "", { count: 1 });
      expect(await counted(() => limiter.settle(ids[2] ?? "", { count: 1 }))).toBe(trips);
      expect(await counted(() => elsewhere.settle(ids[3] ?? "", { count: 1 }))).toBe(trips + 1);
      await limiter.close();
      await elsewhere.close();
    });

    test("D-STO-03 calls that come together share their round trips, on one subject or many", async () => {
      const limiter = limiterOf(own, 4);
      const call = (n: number): unknown =>
        limiter.checkAndRecord({
          tenant: "acme",
          user: `u${String(n % 5)}`,
          session: `s${String(n)}`,
        });
      await Promise.all(Array.from({ length: 200 }, (_, n) => call(n)));
      const together = await counted(() =>
        Promise.all(Array.from({ length: 200 }, (_, n) => call(n))),
      );
      // The first leaves at once; what came meanwhile follows in a few trips.
      expect(together).toBeLessThanOrEqual(5 * trips);
      await limiter.close();
    });
  },
  { backends: onTheNetwork },
);
