import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createLimiter, isTollgateError, type Limiter } from "@tollgate/core";

import { backendNames, openStore, type OpenStore } from "./backends.ts";
import { countingProxy, type CountingProxy } from "./counting-proxy.ts";
import { eachBackend } from "./each-backend.ts";

const backends = backendNames.filter((backend) => !backend.startsWith("sqlite"));

/** Asks until there is an answer, as who has got none does. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const isLost = isTollgateError(error) && error.code === "STORE_FAILED";
      if (!isLost || tries > 20) throw error;
    }
  }
}

eachBackend(
  ({ backend, url }) => {
    let proxy: CountingProxy;
    let opened: OpenStore;
    let limiter: Limiter;
    const trips = backend.startsWith("mariadb") ? [1, 2, 3, 4] : [1];

    beforeAll(async () => {
      proxy = await countingProxy(url());
      opened = await openStore({ backend, url: proxy.url, namespace: "lost" });
      limiter = createLimiter({
        store: opened.store,
        limits: [
          { type: "token", window: "day", limit: 1_000_000, scope: "user" },
          { type: "count", window: "day", limit: 1_000_000, scope: "tenant" },
        ],
      });
      await limiter.reserve({ tenant: "acme", user: "first" }, { token: 1 });
    });

    afterAll(async () => {
      await opened.close();
      await proxy.close();
    });

    test.each(trips)("D-RES-06 a settlement whose reply %i was lost counts once", async (nth) => {
      const subject = { tenant: `settled-${String(nth)}`, user: "ann" };
      const { reservation } = await limiter.reserve(subject, { token: 500, count: 1 });
      proxy.loseReply(nth);
      const cost = { token: 120, count: 1 };
      const settled = await answered(async () => limiter.settle(reservation?.id ?? "", cost));
      expect(settled).toMatchObject({ outcome: "settled", cost });
      const usages = await answered(async () => limiter.usage(subject));
      expect(usages.map(({ current, held }) => [current, held])).toEqual([
        [120, 0],
        [1, 0],
      ]);
    });

    test.each(trips)(
      "D-RES-10 a reservation whose reply %i was lost is charged once",
      async (nth) => {
        const subject = { tenant: `reserved-${String(nth)}`, user: "ann" };
        // So that its rows are there.
        await limiter.checkAndRecord(subject, { token: 1, count: 1 });
        proxy.loseReply(nth);
        const ask = async () =>
          limiter.reserve(subject, { token: 500, count: 1 }, { id: "turn-1" });
        const { reservation } = await answered(ask);
        expect((await ask()).reservation).toEqual(reservation);
        const usages = await answered(async () => limiter.usage(subject));
        expect(usages.map(({ current, held }) => [current, held])).toEqual([
          [501, 500],
          [2, 1],
        ]);
      },
    );
  },
  { backends },
);
