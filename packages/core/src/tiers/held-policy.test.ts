import { describe, expect, test } from "@jest/globals";

import { acme, type LookupStage, stage } from "./lookup-stage.test-support.ts";
import type { LimitsFunction, LookupOptions } from "./policy-lookup.ts";
import { tiers } from "./presets.ts";

const DOWN = new Error("the database is down");
const lookupFailed = (cause: unknown): unknown =>
  expect.objectContaining({ code: "LOOKUP_FAILED", cause });

interface Database {
  state: "up" | "down" | "hanging";
  policy: (typeof tiers)["pro"];
  /** What answers the questions that a hanging one has been asked. */
  readonly held: (() => void)[];
}

type Answering = (database: Database) => LimitsFunction;

/** As promises show a database. */
const later: Answering = (database) => async () => {
  const { state, policy, held } = database;
  if (state === "down") throw DOWN;
  if (state === "up") return policy;
  return new Promise((resolve) => {
    held.push(() => {
      resolve(policy);
    });
  });
};

/** As a table in memory shows itself, which cannot hang. */
const atOnce: Answering = (database) => () => {
  if (database.state !== "up") throw DOWN;
  return database.policy;
};

/** Until everybody has heard of what has happened. */
const heard = async (): Promise<void> => new Promise(setImmediate);

function staged(
  answering: Answering,
  options?: LookupOptions,
): LookupStage & { readonly database: Database } {
  const database: Database = { state: "up", policy: tiers.pro, held: [] };
  return { ...stage(answering(database), options), database };
}

const PRO = [100_000, 60];
const DEVELOPER = [10_000, 10];

describe.each([
  { name: "a function that rejects", answering: later },
  { name: "a function that throws", answering: atOnce },
])("$name", ({ answering }) => {
  test("fails the calls of a subject of which nothing is known, and is asked again after a second", async () => {
    const here = staged(answering);
    here.database.state = "down";
    await expect(here.maxima()).rejects.toEqual(lookupFailed(DOWN));
    here.advance(999);
    await expect(here.maxima()).rejects.toEqual(lookupFailed(DOWN));
    expect(here.lookup.stats()).toMatchObject({ asked: 1, failed: 1, entries: 1 });
    expect(here.told).toEqual([DOWN]);
    here.advance(1);
    here.database.state = "up";
    expect(await here.maxima()).toEqual(PRO);
  });

  test("leaves the last answer in force, until that is too old or there is a newer", async () => {
    const here = staged(answering, { ttlMs: 1000, maxStaleMs: 5000 });
    expect(await here.maxima()).toEqual(PRO);
    here.database.state = "down";
    here.advance(1000);
    await here.maxima().catch(() => undefined);
    here.advance(4999);
    expect(await here.maxima()).toEqual(PRO);
    here.advance(1);
    await expect(here.maxima()).rejects.toEqual(lookupFailed(DOWN));
    Object.assign(here.database, { state: "up", policy: tiers.developer });
    here.advance(1000);
    expect(await here.maxima()).toEqual(DEVELOPER);
  });

  test.each([
    { name: "nothing", onFailure: "refuse" as const, expected: [1] },
    { name: "other limits", onFailure: tiers.developer, expected: DEVELOPER },
    { name: "a policy", onFailure: { limits: tiers.developer }, expected: DEVELOPER },
  ])("has $name in its stead, if the options say so", async ({ onFailure, expected }) => {
    const here = staged(answering, { onFailure, maxStaleMs: 0 });
    expect(await here.maxima()).toEqual(PRO);
    here.database.state = "down";
    here.advance(60_000);
    expect(await here.maxima()).toEqual(expected);
    here.database.state = "up";
    here.advance(1000);
    expect(await here.maxima()).toEqual(PRO);
  });

  test("does not hide what is wrong with an answer", async () => {
    const here = staged(answering);
    expect(await here.maxima()).toEqual(PRO);
    here.database.policy = [];
    here.advance(60_000);
    await expect(here.maxima()).rejects.toEqual(
      expect.objectContaining({ code: "INVALID_CONFIG" }),
    );
    here.database.state = "down";
    here.advance(1000);
    await expect(here.maxima()).rejects.toEqual(lookupFailed(DOWN));
  });
});

test("a refusal because of a failure is suspended, and named for what it is", async () => {
  const here = staged(later, { onFailure: "refuse" });
  here.database.state = "down";
  const { limits } = await here.lookup.resolve(acme);
  expect(limits).toMatchObject([{ name: "limits-unavailable", suspended: true }]);
});

describe("a function that does not answer", () => {
  test("has failed after its time, and leaves no timer behind", async () => {
    const here = staged(later, { timeoutMs: 300 });
    here.database.state = "hanging";
    const calls = [here.maxima(), here.maxima()];
    expect(here.pending()).toBe(1);
    here.advance(299);
    expect(here.told).toEqual([]);
    here.advance(1);
    const late = lookupFailed(
      expect.objectContaining({ message: "limits: no answer within 300 ms" }),
    );
    for (const call of calls) await expect(call).rejects.toEqual(late);
    expect(here.told).toHaveLength(1);
    here.database.state = "up";
    here.advance(1000);
    expect(await here.maxima()).toEqual(PRO);
    expect(here.pending()).toBe(0);
  });

  test("makes nobody wait who has an answer, from when it has failed to when it answers again", async () => {
    const here = staged(later);
    expect(await here.maxima()).toEqual(PRO);
    here.database.state = "hanging";
    here.advance(60_000);
    const first = here.maxima();
    here.advance(1000);
    expect(await first).toEqual(PRO);
    for (let second = 1; second <= 10; second += 1) {
      here.advance(1000);
      await heard();
      expect(here.lookup.resolve(acme)).toMatchObject({ limits: [{ max: 100_000 }, { max: 60 }] });
    }
    expect(here.asked).toHaveLength(7);
    Object.assign(here.database, { state: "up", policy: tiers.developer });
    here.advance(1000);
    await heard();
    here.advance(1000);
    expect(await here.maxima()).toEqual(PRO);
    await heard();
    expect(await here.maxima()).toEqual(DEVELOPER);
    here.database.policy = tiers.pro;
    here.advance(60_000);
    expect(await here.maxima()).toEqual(PRO);
  });

  test("ends no process with an answer that nobody waits for and nobody can use", async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown): void => {
      unhandled.push(error);
    };
    const here = staged(later, { ttlMs: 1000 });
    expect(await here.maxima()).toEqual(PRO);
    here.database.state = "down";
    here.advance(1000);
    expect(await here.maxima()).toEqual(PRO);
    Object.assign(here.database, { state: "up", policy: [] });
    here.advance(1000);
    process.on("unhandledRejection", listen);
    expect(here.lookup.resolve(acme)).toMatchObject({ limits: [{ max: 100_000 }, { max: 60 }] });
    await heard();
    await heard();
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
    expect(here.lookup.stats()).toMatchObject({ unusable: 1 });
  });

  test("is heard all the same when it answers later", async () => {
    const here = staged(later);
    here.database.state = "hanging";
    const call = here.maxima();
    here.advance(1000);
    await expect(call).rejects.toEqual(lookupFailed(expect.anything()));
    for (const answer of here.database.held) answer();
    await heard();
    expect(await here.maxima()).toEqual(PRO);
    expect(here.asked).toHaveLength(1);
  });

  test.each([
    { name: "a usable one", policy: tiers.developer },
    { name: "one that is not", policy: [] },
  ])(
    "is not heard when it answers after a later question had an answer, $name",
    async ({ policy }) => {
      const here = staged(later);
      here.database.state = "hanging";
      const call = here.maxima();
      here.advance(1000);
      await call.catch(() => undefined);
      here.advance(1000);
      Object.assign(here.database, { state: "up", policy });
      const answer = await here.maxima().catch(() => "unusable");
      for (const answer of here.database.held) answer();
      await heard();
      expect(await here.maxima().catch(() => "unusable")).toEqual(answer);
      expect(answer).toEqual(policy.length === 0 ? "unusable" : DEVELOPER);
    },
  );

  test("does no harm when it fails after its time", async () => {
    const fails: ((error: Error) => void)[] = [];
    const here = stage(
      async () =>
        new Promise((_, reject) => {
          fails.push(reject);
        }),
      { timeoutMs: 10 },
    );
    const call = here.maxima();
    here.advance(10);
    await expect(call).rejects.toEqual(lookupFailed(expect.anything()));
    for (const fail of fails) fail(DOWN);
    await heard();
    expect(here.told).toHaveLength(1);
  });
});
