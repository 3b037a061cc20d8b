import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { isPromise } from "../maybe-promise.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { holds, parameters } from "../property.test-support.ts";
import type { SubjectIds } from "../subject.ts";
import { acme, stage } from "./lookup-stage.test-support.ts";
import { tiers } from "./presets.ts";

const tenantOf = ({ tenant = "" }: SubjectIds): string => tenant ?? "";

// As SQL and as a `Map` say that there is nothing.
const unknownToAll = async ({ tenant }: SubjectIds): Promise<null | undefined> =>
  tenant === "acme" ? null : undefined;

const perDay = (limit: number): readonly LimitInput[] => [{ type: "count", window: "day", limit }];

describe("the lookup of a policy", () => {
  test("answers with a value where the function does, and where it is known", async () => {
    const direct = stage(() => tiers.pro);
    expect(direct.lookup.resolve(acme)).toMatchObject({ limits: [{ max: 100_000 }, { max: 60 }] });
    const later = stage(async () => tiers.pro);
    const first = later.lookup.resolve(acme);
    expect(first).toBeInstanceOf(Promise);
    expect(later.lookup.resolve(acme)).toBe(first);
    expect(await first).toBe(later.lookup.resolve(acme));
  });

  test("asks once for a thousand simultaneous calls of one subject", async () => {
    const { lookup, asked } = stage(async () => tiers.pro);
    const plans = await Promise.all(Array.from({ length: 1000 }, async () => lookup.resolve(acme)));
    expect(asked).toEqual([acme]);
    expect(new Set(plans).size).toBe(1);
  });

  test("keeps an answer for its time from when it was asked for, to the millisecond", async () => {
    let policy = tiers.developer;
    const here = stage(async () => policy, { ttlMs: 500 });
    expect(await here.maxima()).toEqual([10_000, 10]);
    policy = tiers.pro;
    here.advance(499);
    expect(await here.maxima()).toEqual([10_000, 10]);
    here.advance(1);
    expect(await here.maxima()).toEqual([100_000, 60]);
    expect(here.asked).toHaveLength(2);
  });

  test("with no time to keep an answer asks for every call that finds no question under way", async () => {
    const here = stage(async () => tiers.pro, { ttlMs: 0 });
    await Promise.all([here.maxima(), here.maxima()]);
    await here.maxima();
    expect(here.asked).toHaveLength(2);
  });

  test("takes a subject that nobody knows as suspended, or as the options say", async () => {
    const refused = await stage(unknownToAll).lookup.resolve(acme);
    expect(refused.limits).toMatchObject([{ name: "unknown-subject", suspended: true }]);
    for (const unknown of [tiers.developer, { limits: tiers.developer }] as const) {
      const here = stage(unknownToAll, { unknown });
      expect(await here.maxima()).toEqual([10_000, 10]);
      expect(await here.lookup.resolve({ tenant: "x" })).toBe(await here.lookup.resolve(acme));
    }
  });

  test("applies a subject's own numbers, and suspends it", async () => {
    const overrides = { "count-per-minute-tenant": { limit: 90 } };
    const here = stage(({ tenant }) => ({
      limits: tiers.pro,
      ...(tenant === "acme" ? { overrides } : { suspended: true }),
    }));
    expect(await here.maxima()).toEqual([100_000, 90]);
    const { limits } = await here.lookup.resolve({ tenant: "globex" });
    expect(limits.map(({ max, suspended }) => [max, suspended])).toEqual([
      [100_000, true],
      [60, true],
    ]);
  });

  test.each([
    ["NaN for a limit", [{ type: "count", window: "day", limit: Number.NaN }], "limits[0].limit"],
    ["text for a limit", [{ type: "count", window: "day", limit: "100" }], "limits[0].limit"],
    ["a negative limit", [{ type: "count", window: "day", limit: -1 }], "limits[0].limit"],
    ["no limit", [{ type: "count", window: "day", limit: undefined }], "limits[0].limit"],
    ["no limits", [], "limits"],
    ["NaN", Number.NaN, "limits"],
    ["an override of no limit", { limits: tiers.pro, overrides: { a: {} } }, "override.limits.a"],
  ])("fails the call when the answer is %s, and keeps nothing of it", async (_, answer, path) => {
    const invalid = expect.objectContaining({ code: "INVALID_CONFIG", path });
    // As it comes from a database, of which no compiler knows.
    const answers: unknown[] = [tiers.pro, answer];
    const here = stage(() => JSON.parse("[]", () => answers[0]), { onFailure: tiers.enterprise });
    expect(await here.maxima()).toEqual([100_000, 60]);
    answers.shift();
    here.advance(60_000);
    expect(() => here.lookup.resolve(acme)).toThrow(invalid);
    here.advance(999);
    expect(() => here.lookup.resolve(acme)).toThrow(invalid);
    expect(here.asked).toHaveLength(2);
    answers[0] = tiers.pro;
    here.advance(1);
    expect(await here.maxima()).toEqual([100_000, 60]);
    expect(here.lookup.stats()).toMatchObject({ asked: 3, unusable: 1, failed: 0 });
  });
});

const named = (subject: SubjectIds): string =>
  Object.keys(subject)
    .toSorted()
    .map((scope) => (subject[scope] === "" ? "" : JSON.stringify([scope, subject[scope]])))
    .join("");

describe("whose answer it is", () => {
  test("all ids but passing ones decide, and the function is told no others", async () => {
    const { see, asked } = stage(() => tiers.pro);
    const ann = { ...acme, user: "ann", key: "k" };
    see({ ...ann, session: "1", ip: "1", global: "x" }, { session: "2", ip: "2", ...ann });
    see({ key: "k", user: "ann", session: "", project: null, ...acme });
    see({ ...ann, user: "bob" }, { ip: "192.0.2.1" }, { ip: "192.0.2.2" });
    expect(asked).toEqual([ann, { ...ann, user: "bob" }, {}]);
  });

  test("a key of one's own decides, however long, and the function is told everything", async () => {
    const { see, asked } = stage(() => tiers.pro, {
      key: (subject) => tenantOf(subject).repeat(50),
    });
    const ann = { ...acme, session: "1" };
    see(ann, { ...acme, user: "bob" }, { tenant: "globex" });
    expect(asked).toEqual([ann, { tenant: "globex" }]);
  });

  test("a key that is no string fails the call", () => {
    const { lookup } = stage(() => tiers.pro, { key: ({ tenant }) => JSON.parse(tenant ?? "") });
    expect(() => lookup.resolve({ tenant: "7" })).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path: "lookup.key" }),
    );
  });

  test("two subjects share an answer exactly when their lasting ids are equal", () => {
    const id = fc.constantFrom("", "a", "b", '["tenant","a"]', "a\ud800", "#a", "x".repeat(70));
    const scope = fc.constantFrom("tenant", "user", "caller", "project");
    const subject = fc.dictionary(scope, id, { maxKeys: 3 });
    holds(fc.tuple(subject, subject), ([left, right]) => {
      const { see, asked } = stage(() => tiers.pro);
      see(left, right);
      assert.equal(asked.length, named(left) === named(right) ? 1 : 2);
    });
  });
});

describe("forgetting", () => {
  const people = ["ann", "bob"].flatMap((user) =>
    ["acme", "acme2", 'x"],["tenant","acme'].map((tenant) => ({ tenant, user })),
  );

  test.each([
    { subject: undefined, again: 6 },
    { subject: {}, again: 6 },
    { subject: { tenant: "acme" }, again: 2 },
    { subject: { tenant: "acme", user: "ann" }, again: 1 },
    { subject: { user: "ann", session: "9" }, again: 3 },
    { subject: { tenant: "nobody" }, again: 0 },
  ])("drops the answers of who has these ids: $again of 6 for $subject", ({ subject, again }) => {
    const { lookup, asked, see } = stage(() => tiers.pro);
    see(...people);
    lookup.forget(subject);
    see(...people);
    expect(asked.length - people.length).toBe(again);
  });

  test("drops the answer of an equal key", () => {
    const { lookup, asked, see } = stage(() => tiers.pro, { key: tenantOf });
    see(...people);
    lookup.forget({ tenant: "acme" });
    see(...people);
    expect(asked.map(tenantOf)).toEqual([...people.slice(0, 3), acme].map(tenantOf));
  });

  test("does not let an answer in that was asked for before", async () => {
    const answers: ((limits: typeof tiers.pro) => void)[] = [];
    const here = stage(async () => new Promise((resolve) => answers.push(resolve)));
    const before = here.maxima();
    here.lookup.forget(acme);
    const after = here.maxima();
    answers[1]?.(tiers.pro);
    expect(await after).toEqual([100_000, 60]);
    answers[0]?.(tiers.developer);
    expect(await before).toEqual([10_000, 10]);
    expect(await here.maxima()).toEqual([100_000, 60]);
  });
});

describe("what is kept", () => {
  test("equal policies are compiled once, whoever has them", () => {
    const names = ["developer", "pro", "enterprise"] as const;
    const here = stage(({ tenant }) => structuredClone(tiers[names[Number(tenant) % 3] ?? "pro"]));
    const plans = Array.from({ length: 3000 }, (_, i) =>
      here.lookup.resolve({ tenant: String(i) }),
    );
    expect(new Set(plans).size).toBe(3);
    expect(here.lookup.stats()).toMatchObject({ entries: 3000, policies: 4, asked: 3000 });
  });

  test("an object that is changed in place is compiled anew", async () => {
    const policy = { limits: [...perDay(5)] };
    const here = stage(() => policy);
    expect(await here.maxima()).toEqual([5]);
    policy.limits.splice(0, 1, ...perDay(7));
    here.lookup.forget();
    expect(await here.maxima()).toEqual([7]);
  });

  test("answers and policies are bounded in number, and the longest unused go first", () => {
    const subject = fc.record({ tenant: fc.nat({ max: 12 }).map(String) });
    holds(fc.array(subject, { maxLength: 60 }), (subjects) => {
      const { lookup, asked, see } = stage(() => tiers.pro, { maxEntries: 5 });
      let recent: readonly string[] = [];
      let expected = 0;
      for (const each of subjects) {
        if (!recent.includes(each.tenant)) expected += 1;
        recent = [each.tenant, ...recent.filter((tenant) => tenant !== each.tenant)].slice(0, 5);
        see(each);
      }
      assert.equal(asked.length, expected);
      assert.ok(lookup.stats().entries <= 5);
    });
    const here = stage((subject) => perDay(Number(tenantOf(subject))));
    here.see(...Array.from({ length: 1500 }, (_, index) => ({ tenant: String(index + 1) })));
    expect(here.lookup.stats()).toMatchObject({ entries: 1500, policies: 1000 });
  });

  test("no timeline asks twice at a time, or keeps an answer beyond its time", async () => {
    const step = fc.oneof(
      fc.record({ call: fc.constantFrom("a", "b") }),
      fc.record({ answer: fc.nat({ max: 1 }) }),
      fc.record({ advance: fc.nat({ max: 150 }) }),
    );
    let kept = 0;
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 40 }),
      async (steps) => {
        const open: { readonly tenant: string; readonly answer: () => void }[] = [];
        const here = stage(
          async (subject) => {
            const limits = perDay(here.now() + 1);
            return new Promise((resolve) => {
              const answer = (): void => {
                resolve(limits);
              };
              open.push({ tenant: tenantOf(subject), answer });
            });
          },
          { ttlMs: 100, timeoutMs: 60_000 },
        );
        for (const each of steps) {
          if ("advance" in each) here.advance(each.advance);
          if ("answer" in each) {
            open.splice(each.answer, 1)[0]?.answer();
            // Until everybody has heard of it.
            await new Promise(setImmediate);
          }
          if (!("call" in each)) continue;
          const found = here.lookup.resolve({ tenant: each.call });
          const questions = open.map(({ tenant }) => tenant);
          assert.equal(new Set(questions).size, questions.length, "two questions at a time");
          if (isPromise(found)) continue;
          kept += 1;
          const askedMs = Number(found.limits[0]?.max) - 1;
          assert.ok(here.now() - askedMs < 100, "an answer beyond its time");
        }
      },
    );
    await fc.assert(property, parameters(500));
    expect(kept).toBeGreaterThan(100);
  });
});
