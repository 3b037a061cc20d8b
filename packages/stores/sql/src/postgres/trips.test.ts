import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createLimiter, type LimitInput, type Limiter, type SubjectIds } from "@tollgate/core";
import { sharedStore } from "@tollgate/core/shared";
import { manualClock } from "@tollgate/core/testing";
import { skipReason } from "@tollgate/servers";

import { postgresEngine } from "./engine.ts";
import { PostgresSetup } from "./setup.test-support.ts";
import { TwinEngine } from "./twin-engine.test-support.ts";

/** Integers from 0 on that follow from a seed: mulberry32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Random = ReturnType<typeof randomFrom>;

const pick = <T>(random: Random, choices: readonly [T, ...T[]]): T =>
  choices[random(choices.length)] ?? choices[0];

function limitOf(random: Random, type: string, scope: string, usual: boolean): LimitInput {
  const limit = pick(random, [5, 20, 60, 9_000_000]);
  const common = {
    type,
    scope,
    name: `${type}-${scope}`,
    limit,
    debt: random(4) === 0 ? "forgive" : "carry",
    shadow: !usual && random(6) === 0,
  } as const;
  const window = pick(random, ["50ms", "1500ms", "7000ms", "3650d"] as const);
  if (type === "concurrency") return { ...common, type, limit: 1 + random(12) };
  // Where nothing else is, trips often go the shortest way.
  switch (usual ? 0 : random(5)) {
    case 1:
      return { ...common, window: "hour", align: "calendar" };
    case 2:
      return { ...common, window, algorithm: "sliding" };
    case 3:
      return { ...common, window, algorithm: "sliding-log", maxEntries: 1 + random(8) };
    case 4: {
      const { limit: capacity, ...rest } = common;
      return { ...rest, capacity, rate: pick(random, [0.3, 2.5, 333.333333]) };
    }
    default:
      return { ...common, window };
  }
}

const scopes = ["global", "tenant", "user"];

function limitsOf(random: Random): readonly LimitInput[] {
  const usual = random(3) === 0;
  return scopes.flatMap((scope) =>
    ["count", "token", "concurrency"].flatMap((type) => {
      const left = type === "concurrency" ? usual || random(2) === 0 : random(3) === 0;
      return left ? [] : [limitOf(random, type, scope, usual)];
    }),
  );
}

class Crowd {
  readonly #random: Random;
  readonly #limiters: readonly Limiter<"async">[];
  readonly #holds: string[] = ["r.none"];

  constructor(random: Random, limiters: readonly Limiter<"async">[]) {
    this.#random = random;
    this.#limiters = limiters;
  }

  async call(): Promise<unknown> {
    const random = this.#random;
    const limiter = this.#limiters[random(this.#limiters.length)];
    const who: SubjectIds = {
      tenant: `t${String(random(2))}`,
      user: `u${String(random(random(2) === 0 ? 1 : 4))}`,
    };
    const cost = { count: random(4), token: random(9) };
    const hold = this.#holds[Math.max(0, this.#holds.length - 1 - random(12))] ?? "";
    const leaseMs = pick(random, [1, 100, 3000, 86_400_000]);
    switch (random(20)) {
      case 0:
        return limiter?.check(who, cost);
      case 1:
        return limiter?.record(who, cost);
      case 2:
        return limiter?.adjust(who, { count: random(9) - 4, token: random(9) - 4 });
      case 3:
        return random(3) === 0 ? limiter?.block(who, { durationMs: 1 + random(500) }) : undefined;
      case 4:
        return random(3) === 0 ? limiter?.reset(who, { scopes: ["user"] }) : limiter?.unblock(who);
      case 5:
        return limiter?.renew(hold, leaseMs);
      case 6:
      case 7:
        return limiter?.release(hold);
      case 8:
      case 9:
      case 10:
        return limiter?.settle(hold, random(9) === 0 ? {} : cost);
      case 11:
      case 12:
      case 13: {
        const id = random(2) === 0 ? { id: `id${String(random(3))}` } : {};
        const decision = await limiter?.reserve(who, cost, { leaseMs, ...id });
        if (decision?.reservation !== undefined) this.#holds.push(decision.reservation.id);
        return decision;
      }
      default:
        return limiter?.checkAndRecord(who, random(2) === 0 ? cost : { count: 1, token: 2 });
    }
  }
}

const noReason = skipReason("stores/sql, trips on PostgreSQL", "postgres") === undefined;
const crowds = Number(process.env["TOLLGATE_CROWDS"] ?? 40);

(noReason ? describe : describe.skip)("trips of many jobs on PostgreSQL", () => {
  let setup: PostgresSetup;
  let prefix: string;
  beforeAll(async () => {
    setup = await PostgresSetup.start(4);
    prefix = await setup.table();
  });
  afterAll(async () => setup.stop());

  test.each(Array.from({ length: crowds }, (_, n) => n + 1))(
    "crowd %i is answered as the rules answer",
    async (seed) => {
      const random = randomFrom(seed);
      const clock = manualClock();
      await setup.pool.query(`DELETE FROM ${prefix}state`);
      const engine = new TwinEngine(
        postgresEngine(setup.seam("pg"), { prefix, clock: clock.now }),
        clock.now,
      );
      const store = sharedStore(engine, { maxBatch: 64, maxInFlight: 1, maxQueued: 10_000 });
      const limits = limitsOf(random);
      if (limits.length === 0) return;
      const limiter = createLimiter({ limits, store, name: "crowd" });
      const doubled = limits.flatMap((limit) =>
        "limit" in limit && random(2) === 0
          ? [[limit.name ?? "", { limit: Math.min(100, limit.limit * 2) }] as const]
          : [],
      );
      const wide = limiter.override({ limits: Object.fromEntries(doubled) });
      const crowd = new Crowd(random, [limiter, limiter, wide]);
      for (let round = 0; round < 12; round += 1) {
        const calls = Array.from({ length: 1 + random(60) }, async () => crowd.call());
        const outcomes = await Promise.allSettled(calls);
        for (const outcome of outcomes) {
          if (outcome.status === "rejected" && outcome.reason.code === "STORE_FAILED") {
            throw outcome.reason.cause;
          }
        }
        await engine.compare();
        const back = pick(random, [0, 0, 0, 500, 1999, 61_000, 3_600_000]);
        clock.advance(back > 0 && random(2) === 0 ? -back : random(pick(random, [60, 3000, 9000])));
      }
      expect(Math.max(...engine.sizes)).toBeGreaterThan(1);
    },
  );

  test("leases stand in the order in which they end, also when a clock was put right", async () => {
    const clock = manualClock();
    await setup.pool.query(`DELETE FROM ${prefix}state`);
    const engine = new TwinEngine(
      postgresEngine(setup.seam("pg"), { prefix, clock: clock.now }),
      clock.now,
    );
    const store = sharedStore(engine, { maxBatch: 64, maxInFlight: 1, maxQueued: 10_000 });
    const limits: LimitInput[] = [{ type: "concurrency", limit: 5, scope: "user" }];
    const limiter = createLimiter({ limits, store, name: "leases" });
    for (const leaseMs of [9000, 6000, 3000]) {
      await limiter.reserve({ user: "u" }, { concurrency: 1 }, { leaseMs });
      clock.advance(2999);
      await limiter.reserve({ user: "u" }, { concurrency: 1 }, { leaseMs: leaseMs - 2000 });
    }
    clock.advance(-3_600_000);
    await limiter.check({ user: "u" });
    await engine.compare();
    clock.advance(2000);
    await limiter.reserve({ user: "u" }, { concurrency: 3 });
    await engine.compare();
    expect(engine.sizes).toHaveLength(8);
  });
});
