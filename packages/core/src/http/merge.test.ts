import { describe, expect, test } from "@jest/globals";

import {
  exposeFields,
  longerWait,
  mergeRateLimitFields,
  mergeSets,
  type ResponseField,
} from "./merge.ts";

/** A response that says this already. */
const response =
  (fields: Readonly<Record<string, string | number | readonly string[]>>): ResponseField =>
  (name) =>
    fields[name];

const nothing = response({});
const admitted = { ietf: true, denied: false };
const denied = { ietf: true, denied: true };
const older = { ietf: false, denied: false };

const ours = { "RateLimit-Policy": '"ours";q=5;w=60', RateLimit: '"ours";r=4;t=60' };

describe("lists of the current draft", () => {
  test("ours are set where nothing was", () => {
    expect(mergeRateLimitFields(ours, nothing, admitted)).toStrictEqual(ours);
  });

  test.each([
    ['"theirs";r=1;t=3', '"theirs";r=1;t=3, "ours";r=4;t=60'],
    [['"a";r=1', '"b";r=2'], '"a";r=1, "b";r=2, "ours";r=4;t=60'],
    ['"with, comma";r=1', '"with, comma";r=1, "ours";r=4;t=60'],
    [String.raw`"q\"uo\\te";r=1`, String.raw`"q\"uo\\te";r=1, "ours";r=4;t=60`],
    ['"a"; r=1;  t=2', '"a"; r=1;  t=2, "ours";r=4;t=60'],
    ['"a";r=1;pk=:AAEC:;acme-burst="x,y"', '"a";r=1;pk=:AAEC:;acme-burst="x,y", "ours";r=4;t=60'],
    ['"a";flag', '"a";flag, "ours";r=4;t=60'],
    ['"a";r=1\t,\t"b";r=2', '"a";r=1\t,\t"b";r=2, "ours";r=4;t=60'],
  ])("ours join %j", (before, expected) => {
    const merged = mergeRateLimitFields(ours, response({ RateLimit: before }), admitted);
    expect(merged["RateLimit"]).toBe(expected);
    expect(merged["RateLimit-Policy"]).toBe(ours["RateLimit-Policy"]);
  });

  test.each([
    "limit=100, remaining=50, reset=5",
    "100, 100;w=10",
    '"a";r=1,',
    ', "a";r=1',
    '"a" "b"',
    '"unterminated;r=1',
    '"é";r=1',
    '"a"b";r=1',
    String.raw`"\n";r=1`,
    '"a";R=1',
    '"a";r=',
    '"a";r="x',
    "",
  ])("what is no list, like %j, is left alone", (before) => {
    const merged = mergeRateLimitFields(ours, response({ RateLimit: before }), denied);
    expect(merged["RateLimit"]).toBe(before);
  });

  test("upstream fields survive when we have none to set", () => {
    const before = response({ RateLimit: '"theirs";r=1' });
    expect(mergeRateLimitFields({}, before, admitted)).toStrictEqual({});
  });
});

const mergeQuotas = (before: string): string | undefined =>
  mergeRateLimitFields(
    { "RateLimit-Policy": "5;w=60, 9;w=10" },
    response({ "RateLimit-Policy": before }),
    older,
  )["RateLimit-Policy"];

describe("policies of the older drafts", () => {
  test.each([
    ["7;w=1", "7;w=1, 5;w=60, 9;w=10"],
    ["7;w=1 ,  8;w=2", "7;w=1, 8;w=2, 5;w=60, 9;w=10"],
    // No quota twice: the longest window stays, the first of two that are equal.
    ["5;w=3600", "5;w=3600, 9;w=10"],
    ["5;w=1, 9;w=10", "9;w=10, 5;w=60"],
  ])("join %j", (before, expected) => {
    expect(mergeQuotas(before)).toBe(expected);
  });

  test.each(["ten;w=1", "7;w=1.5", "7", "7;w=1;burst=3", "7;w=1,", ""])(
    "leave %j alone, which they do not understand",
    (before) => {
      expect(mergeQuotas(before)).toBe(before);
    },
  );
});

describe.each([
  ["X-RateLimit-", admitted],
  ["RateLimit-", older],
] as const)("the set %s*", (prefix, how) => {
  const set = (limit: string, remaining: string | undefined, reset: string) => ({
    [`${prefix}Limit`]: limit,
    ...(remaining === undefined ? {} : { [`${prefix}Remaining`]: remaining }),
    [`${prefix}Reset`]: reset,
  });

  test("stays theirs, whole, while less is left there", () => {
    const theirs = set("9", "3", "100");
    expect(mergeRateLimitFields(set("5", "4", "60"), response(theirs), how)).toStrictEqual(theirs);
  });

  test.each(["4", "5", "100"])("becomes ours when %s is left there and 4 here", (left) => {
    const mine = set("5", "4", "60");
    expect(mergeRateLimitFields(mine, response(set("9", left, "100")), how)).toStrictEqual(mine);
  });

  test("becomes ours on a refusal, however little is left there", () => {
    const mine = set("5", "4", "60");
    const merged = mergeRateLimitFields(mine, response(set("9", "0", "1")), {
      ...how,
      denied: true,
    });
    expect(merged).toStrictEqual(mine);
  });

  test("is never mixed: a field that theirs lacks is removed", () => {
    const theirs = { [`${prefix}Limit`]: "9", [`${prefix}Remaining`]: "1" };
    const merged = mergeRateLimitFields(set("5", "4", "60"), response(theirs), how);
    expect(merged).toStrictEqual({ ...theirs, [`${prefix}Reset`]: undefined });
  });

  test("a field that ours lacks is removed as well", () => {
    const mine = { [`${prefix}Limit`]: "5", [`${prefix}Remaining`]: "4" };
    const merged = mergeRateLimitFields(mine, response(set("9", "8", "100")), how);
    expect(merged).toStrictEqual({ ...mine, [`${prefix}Reset`]: undefined });
  });

  test.each(["", "x", "-1", "1.5", "1, 2"])("a remaining of %j is not less", (left) => {
    const mine = set("5", "4", "60");
    expect(mergeRateLimitFields(mine, response(set("9", left, "1")), how)).toStrictEqual(mine);
  });

  test("numbers, as frameworks keep them, are understood", () => {
    const before = response({ [`${prefix}Limit`]: 9, [`${prefix}Remaining`]: 3 });
    const merged = mergeRateLimitFields(set("5", "4", "60"), before, how);
    expect(merged[`${prefix}Remaining`]).toBe("3");
  });
});

describe("the dictionary of draft-7", () => {
  const mine = { RateLimit: "limit=5, remaining=4, reset=60" };

  test.each([
    ["limit=9, remaining=3, reset=1", "limit=9, remaining=3, reset=1"],
    ["limit=9, remaining=4, reset=1", mine.RateLimit],
    ["limit=9, reset=1", mine.RateLimit],
    ['"a";r=0', mine.RateLimit],
  ])("%j and ours become %j", (before, expected) => {
    const merged = mergeRateLimitFields(mine, response({ RateLimit: before }), older);
    expect(merged).toStrictEqual({ RateLimit: expected });
  });
});

describe("a wait in seconds", () => {
  test.each([
    ["7", undefined, "7"],
    ["7", "5", "7"],
    ["7", "9", "9"],
    ["7", 9, "9"],
    ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "7"],
    ["7", "-9", "7"],
    ["7", "9.5", "7"],
    ["7", "9".repeat(30), "9".repeat(15)],
    // No wait of ours: waiting does not help.
    [undefined, "9", undefined],
  ])("%j over %j gives %j", (own, before, expected) => {
    const fields = before === undefined ? nothing : response({ "Retry-After": before });
    const ourWait = own === undefined ? undefined : { seconds: Number(own), ms: undefined };
    expect(longerWait(ourWait, fields)?.seconds.toString()).toBe(expected);
  });
});

describe("a wait in seconds and in ms", () => {
  const ours = { seconds: 7, ms: 6500 };

  test.each([
    [{}, ours],
    // Both fields of one source, whichever wait is the longer one.
    [{ "Retry-After": "7", "retry-after-ms": "6400" }, ours],
    [
      { "Retry-After": "7", "retry-after-ms": "6600" },
      { seconds: 7, ms: 6600 },
    ],
    [{ "Retry-After": "6" }, ours],
    [{ "Retry-After": "7" }, { seconds: 7, ms: undefined }],
    [{ "retry-after-ms": "350" }, ours],
    [{ "retry-after-ms": "9001" }, { seconds: 10, ms: 9001 }],
    // A contradiction: SDKs would come back after the shorter one.
    [
      { "Retry-After": "30", "retry-after-ms": "350" },
      { seconds: 30, ms: undefined },
    ],
    [{ "Retry-After": "soon", "retry-after-ms": "later" }, ours],
  ])("over %j", (before: Readonly<Record<string, string>>, expected) => {
    expect(longerWait(ours, response(before))).toStrictEqual(expected);
    expect(longerWait(undefined, response(before))).toBeUndefined();
  });

  test("ours in seconds alone is not cut short by their ms", () => {
    const before = response({ "Retry-After": "7", "retry-after-ms": "6900" });
    const own = { seconds: 7, ms: undefined };
    expect(longerWait(own, before)).toStrictEqual(own);
  });
});

describe("sets of a provider", () => {
  const names = ["x-limit", "x-left", "x-reset"];
  const mine = { "x-limit": "5", "x-left": "4", "x-reset": "60s" };
  const merge = (before: Readonly<Record<string, string>>, denied = false, fields = mine) =>
    mergeSets([{ names, left: "x-left", fields, denied }], response(before));

  test.each([
    [{}, false, mine],
    [{ "x-limit": "9", "x-left": "3", "x-reset": "1s" }, false, "theirs"],
    [{ "x-limit": "9", "x-left": "4", "x-reset": "1s" }, false, mine],
    [{ "x-limit": "9", "x-left": "0", "x-reset": "1s" }, true, mine],
    [{ "x-left": "3" }, false, { "x-limit": undefined, "x-left": "3", "x-reset": undefined }],
    [{ "x-limit": "9", "x-reset": "1s" }, false, mine],
  ])("over %j, denied: %s", (before: Readonly<Record<string, string>>, denied, expected) => {
    expect(merge(before, denied)).toStrictEqual(expected === "theirs" ? before : expected);
  });

  test("each is decided by itself", () => {
    const sets = ["a", "b"].map((name) => ({
      names: [name],
      left: name,
      fields: { [name]: "5" },
      denied: name === "b",
    }));
    expect(mergeSets(sets, response({ a: "1", b: "1" }))).toStrictEqual({ a: "1", b: "5" });
  });
});

describe("Access-Control-Expose-Headers", () => {
  test.each([
    [undefined, "RateLimit, Retry-After"],
    ["", "RateLimit, Retry-After"],
    ["X-App", "X-App, RateLimit, Retry-After"],
    [["X-App", "X-B"], "X-App, X-B, RateLimit, Retry-After"],
    [" X-App ,, ratelimit", "X-App, ratelimit, Retry-After"],
    // With credentials it is a name like any other.
    ["*", "*, RateLimit, Retry-After"],
    ["RATELIMIT, retry-after", undefined],
  ])("our fields added to %j give %j", (before, expected) => {
    const name = "Access-Control-Expose-Headers";
    const fields = before === undefined ? nothing : response({ [name]: before });
    expect(exposeFields(["RateLimit", "Retry-After"], fields)).toBe(expected);
  });
});

const some = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length));

/** The best of five, since machines are shared. */
function mergeMs(value: string): number {
  const before = (): string => value;
  const mine = { ...ours, "RateLimit-Remaining": "1", "X-RateLimit-Remaining": "1" };
  const timesMs = Array.from({ length: 5 }, () => {
    const startMs = performance.now();
    mergeRateLimitFields(mine, before, admitted);
    mergeRateLimitFields({ ...mine, RateLimit: "limit=1, remaining=1, reset=1" }, before, older);
    longerWait({ seconds: 7, ms: 6500 }, before);
    mergeSets([{ names: ["a", "b"], left: "b", fields: { b: "1" }, denied: false }], before);
    exposeFields(["RateLimit"], before);
    return performance.now() - startMs;
  });
  return Math.min(...timesMs);
}

describe("hostile values take time in proportion to their length", () => {
  test.each<[string, (length: number) => string]>([
    ["blanks after a parameter", (length) => `"a";q=1${some(" ", length)}"`],
    ["blanks after a semicolon", (length) => `"a";${some(" ", length)}"`],
    ["tabs before a comma that is missing", (length) => `"a"${some("\t ", length)}"`],
    ["backslashes", (length) => `"${some("\\", length)}`],
    ["escaped quotes", (length) => `"${some('\\"', length)}`],
    ["a string without an end", (length) => `"a";q="${some("x", length)}`],
    ["parameters", (length) => `"a"${some(";a", length)}!`],
    ["parameters with values", (length) => `"a"${some(";a=1", length)}"`],
    ["a long key", (length) => `"a";${some("a", length)}!`],
    ["members", (length) => `${some('"a", ', length)}!`],
    ["commas", (length) => `"a"${some(",", length)}`],
    ["blanks", (length) => some(" ", length)],
    ["one quota, again and again", (length) => `${some("1;w=1,", length)}2;w=1`],
    [
      "quotas of all sizes",
      (length) => Array.from({ length: length / 10 }, (_, n) => `${String(n)};w=1`).join(","),
    ],
    ["digits", (length) => some("9", length)],
    ["remaining, again and again", (length) => some("remaining=", length)],
    ["names", (length) => some("a,", length)],
    ["blanks without a comma", (length) => `a${some(" ", length)}b`],
    ["blanks between names", (length) => `a${some(" ", length)},b`],
  ])("%s", (_what, hostile) => {
    const [short, long] = [mergeMs(hostile(10_000)), mergeMs(hostile(100_000))];
    // Ten times the text: in linear time about ten times as long, in quadratic time a hundred.
    expect(long).toBeLessThan(Math.max(50, 40 * short));
  });
});
