import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import { contentOf } from "./policy-content.ts";

const limits = [{ type: "count", window: "minute", limit: 10 }];

describe("the content of a policy", () => {
  test("is equal for equal policies, however many objects they are, and short", () => {
    const many = Array.from({ length: 50 }, () => limits[0]);
    expect(contentOf({ limits: many })).toBe(contentOf(structuredClone({ limits: many })));
    expect(contentOf({ limits: many })?.length).toBeLessThan(64);
  });

  test.each([
    ["another number", { limits: [{ type: "count", window: "minute", limit: 11 }] }],
    ["a number as text", { limits: [{ type: "count", window: "minute", limit: "10" }] }],
    ["another field", { limits: [{ type: "count", window: "minute", limit: 10, name: "a" }] }],
    ["an override", { limits, overrides: { a: { limit: 1 } } }],
    ["suspension", { limits, suspended: true }],
    ["a hole", { limits: Array(1) }],
  ])("differs by %s", (_, policy) => {
    expect(contentOf(policy)).not.toBe(contentOf({ limits }));
  });

  test("tells apart what JSON does not", () => {
    const values = [null, undefined, Number.NaN, Number.POSITIVE_INFINITY, "null", 10, 10n, "10"];
    const contents = values.map((within) => contentOf({ limits: [{ type: "count", within }] }));
    expect(new Set(contents).size).toBe(values.length);
  });

  test("tells functions apart by identity, since nothing shows what they do", () => {
    const [acme, globex] = ["acme", "globex"].map((tenant) => ({ when: () => tenant === "acme" }));
    expect(contentOf({ ...acme })).toBe(contentOf(acme));
    expect(contentOf(globex)).not.toBe(contentOf(acme));
  });

  test("is not known of what may hold more than it shows, or has no end", () => {
    class Row {
      get limit(): number {
        return 10;
      }
    }
    const ring: Record<string, unknown> = {};
    ring["ring"] = ring;
    for (const odd of [new Row(), new Map(), new Date(0), ring, [ring]]) {
      expect(contentOf({ limits: [odd] })).toBeUndefined();
    }
  });

  test("is equal exactly when plain values are", () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    holds(fc.tuple(value, value), ([a, b]) => {
      const [left, right] = [contentOf(a), contentOf(b)];
      assert.equal(left === right, JSON.stringify(a) === JSON.stringify(b));
      assert.equal(left, contentOf(structuredClone(a)));
    });
  });
});
