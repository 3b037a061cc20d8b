import { describe, expect, test } from "@jest/globals";

import {
  canonicalId,
  detached,
  encodeComponent,
  encodeKey,
  fingerprint,
  identityOf,
} from "./keys.ts";

describe("canonical ids", () => {
  test.each(["alice", "Alice", "alice ", "\0", "", "é", "x".repeat(64), "€".repeat(21)])(
    "%j is kept as it is",
    (id) => {
      expect(canonicalId(id)).toBe(id);
    },
  );

  test.each(["x".repeat(65), "€".repeat(22), "#", "#global", "#unknown"])("%j is hashed", (id) => {
    expect(canonicalId(id)).toMatch(/^#[\w-]{43}$/);
  });

  test("hashes tell lone surrogates apart, which UTF-8 would not", () => {
    const tail = "x".repeat(70);
    const ids = ["\uD800", "\uD801", "\uFFFD"].map((half) => canonicalId(half + tail));
    expect(new Set(ids).size).toBe(3);
  });
});

describe("encoded keys", () => {
  test.each([
    { component: "Az09._~-", encoded: "Az09._~-" },
    { component: "a:b", encoded: "a%3Ab" },
    { component: "{a}*\n", encoded: "%7Ba%7D%2A%0A" },
    { component: "%41", encoded: "%2541" },
    { component: "é", encoded: "%C3%A9" },
    { component: "😀", encoded: "%F0%9F%98%80" },
    { component: "\uD83D", encoded: "%uD83D" },
    { component: "%uD83D", encoded: "%25uD83D" },
  ])("$component is written $encoded", ({ component, encoded }) => {
    expect(encodeComponent(component)).toBe(encoded);
  });

  test("D-KEY-05 no two lists join to one key", () => {
    const lists = [
      [],
      [""],
      ["", ""],
      ["a:b", "c"],
      ["a", "b:c"],
      ["ab", "c"],
      ["a", "bc"],
      ["a", "b", "c"],
      ["a%3Ab", "c"],
    ];
    expect(lists.map((list) => encodeKey(list))).toEqual([
      "0:",
      "1:",
      "2::",
      "2:a%3Ab:c",
      "2:a:b%3Ac",
      "2:ab:c",
      "2:a:bc",
      "3:a:b:c",
      "2:a%253Ab:c",
    ]);
  });

  test("no component is longer than 64 characters, and long ones stay apart", () => {
    const long = ["x".repeat(65), "x".repeat(64) + "y", ":".repeat(30), ":".repeat(31)];
    const encoded = long.map((component) => encodeComponent(component));
    expect(new Set(encoded).size).toBe(4);
    for (const component of encoded) expect(component.length).toBeLessThanOrEqual(64);
  });

  test("fingerprints and identities are stable", () => {
    expect(fingerprint(["a", "b"])).toBe(fingerprint(["a", "b"]));
    expect(fingerprint(["a", "b"])).not.toBe(fingerprint(["ab"]));
    expect(identityOf("a")).not.toBe(identityOf("b"));
    expect(identityOf("a")).toBeLessThan(2 ** 48);
  });
});

test.each(["", "plain", "é", "€", "\uD800", "a\0b", "x".repeat(300)])(
  "%j is detached without a change",
  (text) => {
    expect(detached(text)).toBe(text);
  },
);
