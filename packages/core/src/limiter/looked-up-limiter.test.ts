import { describe, expect, test } from "@jest/globals";

import type { LimiterEvent } from "../events.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { manualClock } from "../testing/manual-clock.ts";
import type { LimitsFunction, TierPolicy } from "../tiers/policy-lookup.ts";
import { createLimiter } from "./create-limiter.ts";
import type { LimiterOptions } from "./limiter-options.ts";

const calls = (limit: number): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  scope: "tenant",
  name: "calls",
});

function stage(limits: LimitsFunction, more: Omit<LimiterOptions, "limits"> = {}) {
  const clock = manualClock();
  const events: LimiterEvent[] = [];
  const limiter = createLimiter({
    limits,
    store: memoryStore({ clock: clock.now }),
    waiting: { scheduler: clock.scheduler },
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { clock, limiter, events };
}

const acme = { tenant: "acme", user: "alice" };

describe("a limiter whose limits depend on the subject", () => {
  test("applies each subject's own, on one usage", async () => {
    const { limiter } = stage(({ tenant }) => [calls(tenant === "acme" ? 1 : 3)]);
    expect((await limiter.checkAndRecord(acme)).allowed).toBe(true);
    expect((await limiter.checkAndRecord(acme)).refusedBy).toEqual(["calls"]);
    const other = { tenant: "other" };
    for (let call = 0; call < 3; call += 1) {
      expect((await limiter.checkAndRecord(other)).allowed).toBe(true);
    }
    expect((await limiter.checkAndRecord(other)).allowed).toBe(false);
    expect((await limiter.usage(acme))[0]).toMatchObject({ current: 1, max: 1 });
  });

  test("raises and lowers a number without resetting usage, once the old answer is forgotten", async () => {
    let limit = 2;
    const { clock, limiter } = stage(() => [calls(limit)], { lookup: { ttlMs: 10_000 } });
    await limiter.checkAndRecord(acme, { count: 2 });
    limit = 3;
    expect((await limiter.checkAndRecord(acme)).allowed).toBe(false);
    limiter.forgetLimits(acme);
    expect((await limiter.checkAndRecord(acme)).usages[0]).toMatchObject({ current: 3, max: 3 });
    limit = 1;
    clock.advance(10_000);
    expect((await limiter.usage(acme))[0]).toMatchObject({ current: 3, max: 1 });
  });

  test("refuses who is suspended, or not known, at once and without a time to retry", async () => {
    const { limiter } = stage(({ tenant }): TierPolicy | undefined =>
      tenant === "late" ? { limits: [calls(5)], suspended: true } : undefined,
    );
    const late = await limiter.checkAndRecord({ tenant: "late" });
    expect([late.outcome, late.retryAfterMs, late.refusedBy]).toEqual([
      "refused",
      undefined,
      ["calls"],
    ]);
    const nobody = await limiter.reserve({ tenant: "nobody" });
    expect([nobody.outcome, nobody.retryAfterMs]).toEqual(["refused", undefined]);
    expect(nobody.reason).toBe('limit "unknown-subject" is suspended');
  });

  test("lets one subject have other numbers than its tier", async () => {
    const { limiter } = stage(({ tenant }) => ({
      limits: [calls(1)],
      overrides: tenant === "acme" ? { calls: { limit: 9 } } : {},
    }));
    expect((await limiter.usage(acme))[0]?.max).toBe(9);
    expect((await limiter.usage({ tenant: "other" }))[0]?.max).toBe(1);
  });

  test("D-CFG-01 fails a call whose limits are nonsense, naming limit and value, and admits nothing", async () => {
    for (const limit of [Number.NaN, undefined, "100", -1, 0]) {
      const { limiter } = stage(() => [Reflect.apply(calls, undefined, [limit])]);
      const failing = (async () => limiter.checkAndRecord(acme))();
      await expect(failing).rejects.toMatchObject({
        code: "INVALID_CONFIG",
        path: "limits[0].limit",
      });
    }
  });

  test("tells of a lookup that failed, and fails the call where nothing else was configured", async () => {
    const { limiter, events } = stage(async () => Promise.reject(new Error("away")));
    await expect(limiter.checkAndRecord(acme)).rejects.toMatchObject({ code: "LOOKUP_FAILED" });
    expect(events.map(({ type }) => type)).toEqual(["lookupFailure"]);
  });

  test("settles, releases and renews whoever's reservations, and charges, blocks and resets each", async () => {
    const { limiter } = stage(async () => [calls(5)]);
    const { reservation } = await limiter.reserve(acme, { count: 4 });
    const id = reservation?.id ?? "";
    expect(await limiter.renew(id)).toBe(true);
    expect((await limiter.settle(id, { count: 1 })).outcome).toBe("settled");
    await limiter.record(acme, { count: 1 });
    await limiter.adjust(acme, { count: -1 });
    expect((await limiter.usage(acme))[0]?.current).toBe(1);
    await limiter.block(acme, { durationMs: 1000 });
    expect((await limiter.check(acme)).outcome).toBe("refused");
    await limiter.unblock(acme);
    expect((await limiter.acquire(acme)).allowed).toBe(true);
    await limiter.reset(acme);
    expect((await limiter.usage(acme))[0]?.current).toBe(0);
  });

  test("takes one cost for all tiers, whatever each of them meters", async () => {
    const money: LimitInput = {
      type: "usd",
      window: "minute",
      limit: 9,
      scope: "tenant",
      name: "money",
    };
    const { limiter } = stage(({ tenant }) => (tenant === "acme" ? [money] : [calls(9)]));
    const { reservation } = await limiter.reserve(acme, { count: 1, usd: 5 });
    expect((await limiter.settle(reservation?.id ?? "", { usd: 2 })).cost).toEqual({ usd: 2 });
    expect((await limiter.checkAndRecord({ tenant: "b" }, { count: 1, usd: 5 })).allowed).toBe(
      true,
    );
    const suspended = stage(() => undefined);
    expect((await suspended.limiter.checkAndRecord(acme, { usd: 5 })).outcome).toBe("refused");
    const slip = (async () => limiter.checkAndRecord(acme, { usd: -1 }))();
    await expect(slip).rejects.toMatchObject({ code: "INVALID_COST" });
  });

  test("lets nobody in who is suspended, whatever a route makes of the limits", async () => {
    const { limiter } = stage(() => ({ limits: [calls(5)], suspended: true }));
    const routes = [
      limiter.override({ limits: { calls: { limit: 50 } } }),
      limiter.override({ limits: { calls: { skip: true } } }),
      limiter.override({ add: [{ ...calls(9), name: "more" }] }),
    ];
    for (const route of routes) {
      const { outcome, retryAfterMs } = await route.checkAndRecord(acme);
      expect([outcome, retryAfterMs]).toEqual(["refused", undefined]);
    }
  });

  test("applies overrides on top of one another, also of limits that were added", async () => {
    const { limiter } = stage(() => [calls(5)]);
    const added = limiter.override({ add: [{ ...calls(50), name: "more", window: "hour" }] });
    const nested = added.override({ limits: { more: { limit: 1 } } });
    expect((await nested.usage(acme)).map(({ max }) => max)).toEqual([5, 1]);
  });

  test("charges, corrects and forgets also those on a list, who only are not decided by limits", async () => {
    const { limiter } = stage(() => [calls(5)], { deny: { tenant: ["acme"] } });
    expect((await limiter.record(acme, { count: 2 }))[0]?.current).toBe(2);
    await limiter.reset(acme, { scopes: ["tenant"] });
    expect((await limiter.usage(acme))[0]?.current).toBe(0);
    expect((await limiter.checkAndRecord(acme)).deniedBy).toBe("tenant");
  });

  test("takes overrides for whoever has such a limit, and further limits for all", async () => {
    const { limiter } = stage(({ tenant }) =>
      tenant === "acme" ? [calls(1)] : [{ ...calls(1), name: "others" }],
    );
    const wide = limiter.override({
      limits: { calls: { limit: 7 } },
      add: [{ type: "count", window: "hour", limit: 50, scope: "tenant", name: "hourly" }],
    });
    const maxima = async (tenant: string) =>
      (await wide.usage({ tenant })).map(({ limit, max }) => [limit, max]);
    expect(await maxima("acme")).toEqual([
      ["calls", 7],
      ["hourly", 50],
    ]);
    expect(await maxima("b")).toEqual([
      ["others", 1],
      ["hourly", 50],
    ]);
  });

  test("that cannot be made leaves its name free", () => {
    const store = memoryStore();
    expect(() => createLimiter({ limits: () => [], lookup: { ttlMs: -1 }, store })).toThrow(
      /ttlMs/,
    );
    expect(createLimiter({ limits: [calls(1)], store }).name).toBe("default");
  });
});
