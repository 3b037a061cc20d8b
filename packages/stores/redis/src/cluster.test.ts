import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createLimiter,
  type Decision,
  type LimitInput,
  memoryStore,
  type StoredUsage,
} from "@tollgate/core";
import { manualClock, storeContract } from "@tollgate/core/testing";
import { redisCluster, type RedisCluster, skipReason } from "@tollgate/servers";
import fc from "fast-check";
import { Cluster } from "ioredis";

import { expectSameAnswers, steps } from "./answers.test-support.ts";
import { type RedisClient, redisClient } from "./client.ts";
import { clusterClients, type TestClient } from "./clients.test-support.ts";
import { redisStore } from "./index.ts";
import { freshPrefix } from "./servers.test-support.ts";

const skip = skipReason("redisStore on a cluster", "redis-cluster");

// A tenant's own records and all within it have one tag; the others have one each.
const subject = { tenant: "acme", user: "u-7", session: "s-1", ip: "::1" };

const hourly = (limit: number, scope: string): LimitInput => ({
  type: "count",
  window: "hour",
  limit,
  scope,
});

const within = [hourly(1000, "tenant"), hourly(1000, "user"), hourly(1000, "session")];
const across = [...within, hourly(1000, "global"), hourly(1000, "ip")];

async function all(usage: AsyncIterable<StoredUsage> | undefined): Promise<StoredUsage[]> {
  const entries: StoredUsage[] = [];
  for await (const entry of usage ?? []) entries.push(entry);
  return entries;
}

const who = (n: number) => ({ user: `u-${n % 3}`, ip: `10.0.0.${n % 4}` });

const idOf = ({ reservation }: Decision): string => reservation?.id ?? "";

(skip === undefined ? describe : describe.skip)(skip ?? "redisStore on a cluster", () => {
  let cluster: RedisCluster;
  let redis: Cluster;
  beforeAll(async () => {
    cluster = await redisCluster();
    redis = new Cluster([...cluster.urls]);
  });
  afterAll(async () => {
    redis.disconnect();
    await cluster.stop();
  });

  describe.each(Object.entries(clusterClients))("by %s", (_, connect) => {
    let connected: TestClient;
    beforeAll(async () => {
      connected = await connect(cluster.urls);
    });
    afterAll(async () => connected.end());

    // Timelines have a global scope and clocks that step back, and a decision is at one time only
    // within one group: each has records, and a node, of its own to agree with. See below for others.
    const cases = storeContract.filter(({ name }) => !name.includes("timelines"));
    test.each(cases)("$name", ({ run }) =>
      run(({ now }) => redisStore({ client: connected.client, prefix: freshPrefix(), clock: now })),
    );
  });

  const sent: string[] = [];
  const counting: RedisClient = {
    send: async (args, key) => {
      sent.push(String(args[0]));
      return redisClient(redis, "").send(args, key);
    },
    masters: async () => (await redisClient(redis, "").masters?.()) ?? [],
  };

  const on = (limits: readonly LimitInput[], prefix: string = freshPrefix()) =>
    createLimiter({ limits, store: redisStore({ client: counting, prefix }) });

  async function commandsOf(run: () => unknown): Promise<string[]> {
    const before = sent.length;
    await run();
    return sent.slice(before);
  }

  async function keysOf(prefix: string): Promise<string[]> {
    const found = redis.nodes("master").map(async (node) => node.keys(`${prefix}*`));
    return (await Promise.all(found)).flat();
  }

  test("D-RDS-03 a decision over scopes of one tenant is one call, on keys of one slot", async () => {
    const prefix = freshPrefix();
    const limiter = on(within, prefix);
    await limiter.checkAndRecord(subject);
    expect(await commandsOf(() => limiter.checkAndRecord(subject))).toEqual(["EVALSHA"]);
    const keys = await keysOf(prefix);
    expect(keys).toHaveLength(3);
    const slots = await Promise.all(keys.map(async (key) => redis.cluster("KEYSLOT", key)));
    expect(new Set(slots).size).toBe(1);
  });

  test("a decision over groups that lie apart is one call for each", async () => {
    const limiter = on(across);
    await limiter.checkAndRecord(subject);
    const three = ["EVALSHA", "EVALSHA", "EVALSHA"];
    for (const call of [
      () => limiter.check(subject),
      () => limiter.checkAndRecord(subject),
      () => limiter.record(subject, { count: 1 }),
    ]) {
      expect(await commandsOf(call)).toEqual(three);
    }
  });

  test("calls that come together share their calls to each group", async () => {
    const limiter = on(across);
    await limiter.checkAndRecord(subject);
    const commands = await commandsOf(async () => {
      const calls = Array.from({ length: 129 }, async () => limiter.checkAndRecord(subject));
      await Promise.all(calls);
    });
    // One goes ahead alone, and two times 64 follow.
    expect(commands).toHaveLength(9);
  });

  test("the group that refused last is asked first, and nothing else is charged", async () => {
    const limiter = on([...within, hourly(1, "global")]);
    expect((await limiter.checkAndRecord(subject)).allowed).toBe(true);
    for (const calls of [3, 2]) {
      // The first time: tenant, global, and the tenant once more, to give back. Then: global, tenant.
      const commands = await commandsOf(async () => {
        const decision = await limiter.checkAndRecord(subject);
        expect(decision.refusedBy).toEqual(["count-per-hour-global"]);
      });
      expect(commands).toHaveLength(calls);
    }
    const used = (await limiter.usage(subject)).map(({ current }) => current);
    expect(used).toEqual([1, 1, 1, 1]);
  });

  test("processes that race never get more than there is, and what was given back is there again", async () => {
    const prefix = freshPrefix();
    const limits = [hourly(40, "user"), hourly(60, "global"), hourly(25, "ip")];
    const limiters = [on(limits, prefix), on(limits, prefix)];
    let admitted = 0;
    for (let round = 0; round < 4; round += 1) {
      const calls = Array.from({ length: 60 }, async (_, n) => {
        const limiter = limiters[n % 2];
        if (n % 3 > 0) return limiter?.checkAndRecord(who(n));
        return limiter?.reserve(who(n), { count: 1 });
      });
      for (const decision of await Promise.all(calls)) if (decision?.allowed) admitted += 1;
    }
    const usageOf = async (n: number, name: string): Promise<number> =>
      (await limiters[0]?.usage(who(n)))?.find(({ scope }) => scope === name)?.current ?? 0;
    const sum = async (numbers: readonly number[], name: string): Promise<number> => {
      const used = await Promise.all(numbers.map(async (n) => usageOf(n, name)));
      return used.reduce((a, b) => a + b, 0);
    };
    expect(admitted).toBeLessThanOrEqual(60);
    expect(await usageOf(0, "global")).toBe(admitted);
    expect(await sum([0, 1, 2], "user")).toBe(admitted);
    expect(await sum([0, 1, 2, 3], "ip")).toBe(admitted);
    // Nobody else is there now, so that nothing is refused falsely.
    let left = 0;
    for (let n = 0; n < 60; n += 1) {
      if ((await limiters[1]?.checkAndRecord(who(n)))?.allowed) left += 1;
    }
    expect(admitted + left).toBe(60);
  });

  test("a reservation over several groups is settled once, by any process", async () => {
    const prefix = freshPrefix();
    const limiter = on(across, prefix);
    const [first, second] = [
      await limiter.reserve(subject, { count: 5 }),
      await limiter.reserve(subject, { count: 7 }),
    ];
    const outcomes = await Promise.all(
      [3, 4].map(async (count) => on(across, prefix).settle(idOf(first), { count })),
    );
    expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1);
    const [one, other] = outcomes;
    expect(one?.cost).toEqual(other?.cost);
    expect((await on(across, prefix).release(idOf(second))).outcome).toBe("released");
    const used = (await limiter.usage(subject)).map(({ current }) => current);
    expect(new Set(used)).toEqual(new Set([one?.cost["count"]]));
    expect((await on(across, prefix).settle("r.nobody", { count: 1 })).outcome).toBe("unknown");
  });

  test("a reservation that one group refused is decided anew under its id", async () => {
    const clock = manualClock();
    const prefix = freshPrefix();
    const store = redisStore({ client: redis, prefix, clock: clock.now });
    const limits = [...within, { ...hourly(3, "global"), window: "minute" as const }];
    const limiter = createLimiter({ limits, store });
    const open = await limiter.reserve(subject, { count: 2 }, { id: "first" });
    const refused = await limiter.reserve(subject, { count: 2 }, { id: "again" });
    expect(refused.outcome).toBe("refused");
    expect(refused.retryAfterMs).toBe(60_000);
    clock.advance(60_000);
    const admitted = await limiter.reserve(subject, { count: 2 }, { id: "again" });
    expect(admitted.outcome).toBe("admitted");
    expect(await limiter.reserve(subject, { count: 2 }, { id: "again" })).toMatchObject({
      outcome: "admitted",
    });
    await expect(limiter.reserve(subject, { count: 1 }, { id: "again" })).rejects.toMatchObject({
      code: "RESERVATION_CONFLICT",
    });
    const listed = (await limiter.reservations(subject)).map(({ id }) => id);
    expect(listed.toSorted()).toEqual([idOf(open), idOf(admitted)].toSorted());
    const used = (await limiter.usage(subject)).map(({ current }) => current);
    expect(used).toEqual([4, 4, 4, 2]);
  });

  test("D-RDS-01 every key on every node expires", async () => {
    const prefix = freshPrefix();
    const limiter = on(across, prefix);
    await limiter.checkAndRecord(subject);
    const held = await limiter.reserve(subject, { count: 1 }, { leaseMs: 5000 });
    await limiter.renew(idOf(held), 9000);
    for (const key of await keysOf(prefix)) {
      const left = await redis.pttl(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(3_600_000 + 9000);
    }
    await limiter.settle(idOf(held), { count: 1 });
    await limiter.reset(subject);
    for (const key of await keysOf(prefix)) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  test("usage moves to a cluster and from there, with reservations over several groups", async () => {
    const clock = manualClock();
    const memory = memoryStore({ clock: clock.now });
    const stores = [1, 2].map(() =>
      redisStore({ client: redis, prefix: freshPrefix(), clock: clock.now }),
    );
    const local = createLimiter({ limits: across, store: memory });
    local.checkAndRecord(subject, { count: 3 });
    const { reservation } = local.reserve(subject, { count: 5 });
    let usage = await all(memory.exportUsage?.());
    for (const store of stores) {
      await store.importUsage?.(usage);
      usage = await all(store.exportUsage?.());
      expect(usage).toHaveLength(6);
    }
    const [, store = memory] = stores;
    const limiter = createLimiter({ limits: across, store });
    expect(await limiter.usage(subject)).toEqual(local.usage(subject));
    expect(await limiter.reservations(subject)).toEqual(local.reservations(subject));
    expect(await limiter.settle(reservation?.id ?? "", { count: 1 })).toEqual(
      local.settle(reservation?.id ?? "", { count: 1 }),
    );
    expect(await limiter.usage(subject)).toEqual(local.usage(subject));
  });

  test("one call after the other is answered as by the memory store", async () => {
    const limits: LimitInput[] = [
      { type: "count", window: "10s", limit: 5, scope: "global" },
      { type: "token", rate: 2, capacity: 30, scope: "user" },
      { type: "token", window: "20s", limit: 40, scope: "ip", algorithm: "sliding" },
      { type: "count", window: "1m", limit: 9, scope: "ip" },
      { type: "concurrency", limit: 2, scope: "user" },
    ];
    await fc.assert(
      fc.asyncProperty(steps(fc.nat({ max: 4000 })), async (taken) => {
        await expectSameAnswers(
          ({ now }) => [
            redisStore({ client: redis, prefix: freshPrefix(), clock: now }),
            memoryStore({ clock: now }),
          ],
          limits,
          taken,
          { reserved: { concurrency: 1 } },
        );
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });
});
