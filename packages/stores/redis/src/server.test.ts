import { expect, test, jest } from "@jest/globals";
import { createLimiter, type LimitInput, memoryStore, type StoredUsage } from "@tollgate/core";
import { GRACE_MS } from "@tollgate/core/shared";
import { manualClock } from "@tollgate/core/testing";

import { clients } from "./clients.test-support.ts";
import { redisStore } from "./index.ts";
import { pack, unpack } from "./packed.ts";
import { describeOnServer, freshPrefix } from "./servers.test-support.ts";

/** For a server that is killed and started again. */
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];

const subject = { tenant: "acme", user: "u-7", session: "s-1" };
const scopes = ["tenant", "user", "session"] as const;

const perMinute = (limit: number): LimitInput => ({ type: "count", window: "minute", limit });

async function all(usage: AsyncIterable<StoredUsage> | undefined): Promise<StoredUsage[]> {
  const entries: StoredUsage[] = [];
  for await (const entry of usage ?? []) entries.push(entry);
  return entries;
}

const manyLimits = (count: number): LimitInput[] =>
  Array.from({ length: count }, (_, n) => ({
    type: "count",
    window: `${n + 1}h`,
    limit: 1000,
    scope: scopes[n % scopes.length] ?? "user",
  }));

describeOnServer(
  "redisStore on a server",
  (stage) => {
    const on = (limits: readonly LimitInput[], prefix: string = freshPrefix()) =>
      createLimiter({ limits, store: redisStore({ client: stage.client, prefix }) });

    const keysOf = async (prefix: string): Promise<string[]> => stage.redis.keys(`${prefix}*`);

    test("D-RDS-01 every key expires, no later than its longest reset or lease", async () => {
      const prefix = freshPrefix();
      const limiter = on(
        [
          { type: "count", window: "500ms", limit: 5, scope: "tenant" },
          { type: "count", window: "1900ms", limit: 5, scope: "user" },
          { type: "token", window: "1900ms", limit: 9, scope: "user", algorithm: "sliding" },
          { type: "token", window: "500ms", limit: 9, scope: "session", algorithm: "sliding-log" },
          { type: "token", rate: 9, capacity: 9, scope: "session" },
          { type: "concurrency", limit: 9, scope: "user" },
        ],
        prefix,
      );
      /** No key may outlive its bound, by kind: record, reservation, index. */
      const expectExpiry = async (recordMs: number, leaseMs: number): Promise<void> => {
        for (const key of await keysOf(prefix)) {
          const left = await stage.redis.pttl(key);
          const most = key.includes("}r:") ? recordMs : leaseMs + GRACE_MS;
          // -2: it has expired since.
          expect(left === -2 || (left > 0 && left <= most) ? "" : `${key}: ${String(left)}`).toBe(
            "",
          );
        }
      };
      const cost = { count: 1, token: 3 };
      await limiter.check(subject, cost);
      expect(await keysOf(prefix)).toEqual([]);
      await limiter.checkAndRecord(subject, cost);
      await expectExpiry(3800, 0);
      await limiter.record(subject, { count: 9, token: 20 });
      await expectExpiry(3800, 0);
      await limiter.adjust(subject, { count: -9, token: -20 });
      await expectExpiry(3800, 0);
      const { reservation } = await limiter.reserve(
        { tenant: "other", user: "u", session: "s" },
        { ...cost, concurrency: 1 },
        { leaseMs: 7000 },
      );
      await expectExpiry(7000, 7000);
      const held = (await keysOf(prefix)).find((key) => key.startsWith(`${prefix}h:`));
      expect(await stage.redis.pttl(held ?? "")).toBeGreaterThan(GRACE_MS);
      await limiter.settle(reservation?.id ?? "", { count: 1, token: 12 });
      await expectExpiry(7000, 7000);
      await limiter.block(subject, { durationMs: 5000 });
      await expectExpiry(7000, 7000);
      // The mark of a reset stays for as long as any reservation from before could be settled.
      await limiter.reset(subject);
      await expectExpiry(86_400_000 + GRACE_MS, 7000);
    });

    test("D-RDS-02 a flushed script and a restarted server charge once, and nobody notices", async () => {
      const prefix = freshPrefix();
      const limiter = on([perMinute(10)], prefix);
      const used = async (): Promise<number | undefined> =>
        (await limiter.usage("alice"))[0]?.current;
      await limiter.checkAndRecord("alice");
      await stage.redis.script("FLUSH");
      await limiter.checkAndRecord("alice");
      expect(await used()).toBe(2);
      if (!stage.server.own) return;
      await stage.server.restart();
      await limiter.checkAndRecord("alice");
      expect(await used()).toBe(3);
    });

    test("D-RDS-04 numbers pass through the script and back unchanged", async () => {
      const numbers = [
        0,
        1,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        2 ** 31,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 48,
        1_700_000_000_123,
        1_700_000_000_123_456,
        Number.MAX_SAFE_INTEGER - 1,
        Number.MAX_SAFE_INTEGER,
      ];
      const row = [...numbers, ...numbers.map((value) => -value - 1).filter(Number.isSafeInteger)];
      const back = await stage.client.send([
        "EVAL",
        "local n = cmsgpack.unpack(ARGV[1]) for i = 1, #n do n[i] = n[i] + 0 end return cmsgpack.pack(n)",
        "0",
        pack(row),
      ]);
      expect(Buffer.isBuffer(back) && unpack(back)).toEqual(row);
    });

    test.each([
      [1, 1],
      [4, 3],
      [8, 3],
    ])("a decision over %d limits in %d scopes is one round trip", async (limits) => {
      const limiter = on(manyLimits(limits));
      await limiter.checkAndRecord(subject);
      for (const call of [
        () => limiter.check(subject),
        () => limiter.checkAndRecord(subject),
        () => limiter.record(subject, { count: 1 }),
        () => limiter.usage(subject),
        () => limiter.reserve(subject, { count: 1 }),
      ]) {
        expect(await stage.roundTrips(call)).toBe(1);
      }
    });

    test("settling is one round trip, and two for another process", async () => {
      const prefix = freshPrefix();
      const [own, other] = [on(manyLimits(4), prefix), on(manyLimits(4), prefix)];
      const ids = await Promise.all(
        [1, 2].map(async () => (await own.reserve(subject, { count: 1 })).reservation?.id ?? ""),
      );
      expect(await stage.roundTrips(() => own.settle(ids[0] ?? "", { count: 2 }))).toBe(1);
      expect(await stage.roundTrips(() => other.settle(ids[1] ?? "", { count: 2 }))).toBe(2);
      expect((await own.usage(subject))[0]?.current).toBe(4);
    });

    test("a lone call leaves before anything else happens", async () => {
      const limiter = on([perMinute(10)]);
      await limiter.checkAndRecord("alice");
      const before = stage.sent.length;
      const call = limiter.checkAndRecord("alice");
      await new Promise<void>((resolve) => process.nextTick(resolve));
      expect(stage.sent.length).toBe(before + 1);
      await call;
    });

    test("D-STO-03 500 parallel calls on one hot key are exact, and share round trips", async () => {
      const limiter = on([perMinute(200)]);
      let allowed = 0;
      const trips = await stage.roundTrips(async () => {
        const calls = Array.from({ length: 500 }, async () => limiter.checkAndRecord("hot"));
        for (const decision of await Promise.all(calls)) if (decision.allowed) allowed += 1;
      });
      expect(allowed).toBe(200);
      expect((await limiter.usage("hot"))[0]?.current).toBe(200);
      expect(trips).toBeLessThan(20);
    });

    test("processes that share the server share the limits", async () => {
      const prefix = freshPrefix();
      const others = await Promise.all(
        Object.values(clients).map(async (connect) => connect(stage.server.url)),
      );
      const limiters = others.map(({ client }) =>
        createLimiter({ limits: [perMinute(100)], store: redisStore({ client, prefix }) }),
      );
      const decisions = await Promise.all(
        Array.from({ length: 400 }, async (_, n) => limiters[n % 4]?.checkAndRecord("shared")),
      );
      expect(decisions.filter((decision) => decision?.allowed === true)).toHaveLength(100);
      await Promise.all(others.map(async ({ end }) => end()));
    });

    test("ids of any bytes and length have records of their own", async () => {
      const prefix = freshPrefix();
      const limiter = on([perMinute(1)], prefix);
      const ids = [
        "a\0b",
        "a\0c",
        "🙂",
        "🙃",
        "{a}",
        "a}",
        "*",
        "x".repeat(10_000),
        "\r\n",
        "\uD800",
      ];
      for (const id of ids) {
        expect((await limiter.checkAndRecord(id)).allowed).toBe(true);
        expect((await limiter.checkAndRecord(id)).allowed).toBe(false);
      }
      const keys = await keysOf(prefix);
      expect(keys).toHaveLength(ids.length);
      for (const key of keys) expect(key.length).toBeLessThan(300);
    });

    test("a client whose clock is days off asks twice, but only the first time", async () => {
      const limiter = on([
        { type: "count", window: "day", align: "calendar", timeZone: "UTC", limit: 9 },
      ]);
      await limiter.checkAndRecord("alice");
      const realMs = Date.now();
      const now = jest.spyOn(Date, "now").mockReturnValue(realMs + 3 * 86_400_000);
      try {
        expect(await stage.roundTrips(() => limiter.checkAndRecord("alice"))).toBe(2);
        expect(await stage.roundTrips(() => limiter.checkAndRecord("alice"))).toBe(1);
      } finally {
        now.mockRestore();
      }
      // Put right, it is off by what it remembers.
      expect(await stage.roundTrips(() => limiter.checkAndRecord("alice"))).toBe(2);
      expect((await limiter.usage("alice"))[0]?.current).toBe(4);
    });

    test("close leaves the client to its owner", async () => {
      const limiter = on([perMinute(1)]);
      await limiter.checkAndRecord("alice");
      await limiter.close();
      expect(await stage.redis.ping()).toBe("PONG");
    });

    test("open reservations are found by any of their scopes", async () => {
      const limiter = on(manyLimits(3));
      const first = await limiter.reserve(subject, { count: 2 });
      const second = await limiter.reserve({ ...subject, session: "s-2" }, { count: 1 });
      const ids = async (of: typeof subject): Promise<string[]> =>
        (await limiter.reservations(of)).map(({ id }) => id);
      expect(await ids(subject)).toEqual([first.reservation?.id]);
      expect(await ids({ ...subject, session: "s-2" })).toEqual([second.reservation?.id]);
      await limiter.release(first.reservation?.id ?? "");
      expect(await ids(subject)).toEqual([]);
    });

    test("usage moves from one store to another, with its reservations", async () => {
      const clock = manualClock();
      const client = stage.client;
      const [prefix, target] = [freshPrefix(), freshPrefix()];
      const limits = manyLimits(4);
      const from = memoryStore({ clock: clock.now });
      const there = redisStore({ client, prefix, clock: clock.now });
      const back = redisStore({ client, prefix: target, clock: clock.now });
      const memory = createLimiter({ limits, store: from });
      memory.checkAndRecord(subject, { count: 3 });
      const { reservation } = memory.reserve(subject, { count: 5 });
      await there.importUsage?.(await all(from.exportUsage?.()));
      const exported = await all(there.exportUsage?.());
      expect(exported).toHaveLength(4);
      await back.importUsage?.(exported);
      const limiter = createLimiter({ limits, store: back });
      expect(await limiter.usage(subject)).toEqual(memory.usage(subject));
      expect(await limiter.reservations(subject)).toEqual(memory.reservations(subject));
      await limiter.settle(reservation?.id ?? "", { count: 1 });
      memory.settle(reservation?.id ?? "", { count: 1 });
      expect(await limiter.usage(subject)).toEqual(memory.usage(subject));
      expect(await limiter.reservations(subject)).toEqual([]);
    });
  },
  DURABLE,
);
