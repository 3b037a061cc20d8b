import assert from "node:assert/strict";

import { createLimiter } from "../../limiter/create-limiter.ts";
import type { LimitInput } from "../../policy/limit-input.ts";
import type { Subject } from "../../subject.ts";
import {
  admitted,
  type ContractCase,
  failure,
  perMinute,
  refused,
  reserved,
  stage,
  usageOf,
  used,
} from "./contract-case.ts";

const userLimit: LimitInput = { ...perMinute(1), scope: "user" };
const sessionLimit: LimitInput = { ...perMinute(1), scope: "session" };
const tenantLimit: LimitInput = { ...perMinute(10), scope: "tenant" };

/** Every subject gets through a limit of 1 exactly once: none shares a cell with another. */
const apart = (
  name: string,
  limits: readonly LimitInput[],
  subjects: readonly Subject[],
): ContractCase => ({
  name,
  async run(makeStore) {
    const { limiter } = await stage(makeStore, limits);
    for (const subject of subjects) await admitted(limiter.checkAndRecord(subject));
    for (const subject of subjects) await refused(limiter.checkAndRecord(subject), 60_000);
  },
});

/** What subjects and their keys promise. */
export const identityCases: readonly ContractCase[] = [
  apart(
    "D-KEY-05 pairs that join to the same text have cells of their own",
    [userLimit],
    [
      { tenant: "a:b", user: "c" },
      { tenant: "a", user: "b:c" },
      { tenant: "ab", user: "c" },
      { tenant: "a", user: "bc" },
      { user: "a:bc" },
      { user: "abc" },
      { user: "1:abc" },
      { user: "#1:abc" },
    ],
  ),
  {
    name: "D-KEY-05 the same id in two scopes has two cells",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...userLimit, whenMissing: "shared", when: (subject) => hasScope(subject, "user") },
        { ...sessionLimit, whenMissing: "shared", when: (subject) => hasScope(subject, "session") },
        { ...perMinute(1), scope: "ip", when: (subject) => hasScope(subject, "ip") },
      ]);
      await admitted(limiter.checkAndRecord({ user: "1.2.3.4" }));
      await admitted(limiter.checkAndRecord({ session: "1.2.3.4" }));
      await admitted(limiter.checkAndRecord({ ip: "1.2.3.4" }));
      await refused(limiter.checkAndRecord({ ip: "1.2.3.4" }), 60_000);
    },
  },
  apart(
    "D-SQL-06 case, trailing blanks and the 300th character make different subjects",
    [perMinute(1)],
    ["Alice", "alice", "alice ", " alice", `${"x".repeat(299)}y`, `${"x".repeat(299)}z`],
  ),
  apart(
    "ids are taken unit by unit: NUL, emoji, lone surrogates, other normal forms, 64 bytes to 10 kB",
    [perMinute(1)],
    [
      "a",
      "a\0",
      "\0a",
      "\uD800",
      "\uD801",
      "\uDC00",
      "\uFFFD",
      "\u00E9",
      "e\u0301",
      "{a}",
      "a*",
      "%41",
      "#global",
      "#unknown",
      "undefined",
      "null",
      "__proto__",
      "constructor",
      "y".repeat(64),
      "y".repeat(65),
      "\u20AC".repeat(21),
      "\u20AC".repeat(22),
      "😀",
      "😀😀",
      "👩‍👩",
      `${"z".repeat(10_000)}a`,
      `${"z".repeat(10_000)}b`,
    ],
  ),
  {
    name: "D-KEY-06 a tenant's users share its cell, another tenant does not",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tenantLimit]);
      for (let call = 0; call < 10; call += 1) {
        await admitted(limiter.checkAndRecord({ tenant: "acme", user: `u${String(call)}` }));
      }
      await refused(limiter.checkAndRecord({ tenant: "acme", user: "late" }), 60_000);
      await admitted(limiter.checkAndRecord({ tenant: "other", user: "u0" }));
    },
  },
  {
    name: "D-KEY-06 limiters of different names on one store do not meet",
    async run(makeStore) {
      const { store, limiter } = await stage(makeStore, [perMinute(1)]);
      const other = createLimiter({ limits: [perMinute(1)], store, name: "default.caller" });
      await admitted(limiter.checkAndRecord("alice"));
      await admitted(other.checkAndRecord("alice"));
      await refused(limiter.checkAndRecord("alice"), 60_000);
      await other.reset("alice");
      assert.equal(await used(limiter, "alice"), 1);
    },
  },
  {
    name: "D-KEY-07 a user's sessions share the user's cell, and resetting one frees nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(10), scope: "user" },
        { ...perMinute(100), scope: "session" },
      ]);
      for (const session of ["s1", "s2"]) {
        for (let call = 0; call < 5; call += 1) {
          await admitted(limiter.checkAndRecord({ user: "u", session }));
        }
      }
      await limiter.reset({ session: "s1" });
      for (const session of ["s1", "s2", "s3"]) {
        const decision = await refused(limiter.checkAndRecord({ user: "u", session }), 60_000);
        assert.deepEqual(decision.refusedBy, ["count-per-minute-user"]);
      }
    },
  },
  {
    name: "D-KEY-09 a missing or empty id is an error, and the text undefined is an id",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [userLimit]);
      for (const subject of [{}, { user: "" }, { user: undefined }, { user: null }, "alice"]) {
        for (const call of [
          () => limiter.check(subject),
          () => limiter.checkAndRecord(subject),
          () => limiter.record(subject, { count: 1 }),
          () => limiter.reserve(subject),
          () => limiter.usage(subject),
        ]) {
          const error = await failure(call);
          assert.equal(error.code, "MISSING_SCOPE");
          assert.equal(error.path, "subject.user");
        }
      }
      await admitted(limiter.checkAndRecord({ user: "undefined" }));
    },
  },
  {
    name: "D-KEY-09 subjects without an id share one cell where that was asked for",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [{ ...userLimit, whenMissing: "shared" }]);
      await admitted(limiter.checkAndRecord({}));
      await refused(limiter.checkAndRecord({ user: "" }), 60_000);
      await admitted(limiter.checkAndRecord({ user: "u" }));
    },
  },
  {
    name: "one user id in two tenants is two users, unless the limit says otherwise",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [userLimit]);
      await admitted(limiter.checkAndRecord({ tenant: "a", user: "u" }));
      await admitted(limiter.checkAndRecord({ tenant: "b", user: "u" }));
      await admitted(limiter.checkAndRecord({ user: "u" }));
      const wide = await stage(makeStore, [{ ...userLimit, within: null }], "wide");
      await admitted(wide.limiter.checkAndRecord({ tenant: "a", user: "u" }));
      await refused(wide.limiter.checkAndRecord({ tenant: "b", user: "u" }), 60_000);
    },
  },
  {
    name: "changing a number keeps usage, changing the window makes a new cell",
    async run(makeStore) {
      const { store, limiter } = await stage(makeStore, [perMinute(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 4 }));
      await limiter.close();
      const larger = createLimiter({ limits: [perMinute(20)], store });
      assert.equal((await usageOf(larger, "alice")).remaining, 16);
      await larger.close();
      const longer = createLimiter({
        limits: [{ type: "count", window: "hour", limit: 10 }],
        store,
      });
      assert.equal(await used(longer, "alice"), 0);
    },
  },
  {
    name: "reset forgets the ids it is given, but not everybody's",
    async run(makeStore) {
      const limits: readonly LimitInput[] = [
        { ...perMinute(10), scope: "user" },
        { ...perMinute(10), scope: "tenant" },
        { ...perMinute(10), scope: "global" },
      ];
      const { limiter } = await stage(makeStore, limits);
      const subject = { tenant: "acme", user: "u" };
      const state = async (): Promise<number[]> =>
        (await limiter.usage(subject)).map(({ current }) => current);
      await admitted(limiter.checkAndRecord(subject));
      await admitted(limiter.checkAndRecord({ tenant: "acme", user: "v" }));
      await limiter.reset(subject, { scopes: ["user"] });
      assert.deepEqual(await state(), [0, 2, 2]);
      await limiter.reset(subject);
      assert.deepEqual(await state(), [0, 0, 2]);
      await limiter.reset(subject, { scopes: ["global"] });
      assert.deepEqual(await state(), [0, 0, 0]);
      assert.equal(await used(limiter, { tenant: "acme", user: "v" }), 1);
    },
  },
  {
    name: "a reservation is settled where it was taken, whoever settles it",
    async run(makeStore) {
      const { store, limiter } = await stage(makeStore, [{ ...perMinute(10), scope: "user" }]);
      const hold = await reserved(limiter.reserve({ tenant: "a", user: "u" }, { count: 5 }));
      const other = createLimiter({ limits: [perMinute(10)], store, name: "elsewhere" });
      await other.settle(hold.id, { count: 2 });
      assert.equal(await used(limiter, { tenant: "a", user: "u" }), 2);
      assert.equal(await used(limiter, { tenant: "b", user: "u" }), 0);
    },
  },
];

const hasScope = (subject: Subject, scope: string): boolean =>
  typeof subject !== "string" && typeof subject[scope] === "string";
