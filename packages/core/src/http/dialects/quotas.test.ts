import { describe, expect, test } from "@jest/globals";

import type { QuotaReport, QuotaState } from "../fields/quota.ts";
import { kindOf, type Quota, quotasOf } from "./quotas.ts";

const state = (type: string, changes: Partial<QuotaState> = {}, quota = 100): QuotaState => ({
  policy: { name: type, quota, windowMs: 60_000, unit: type, type, partitionKey: undefined },
  remaining: 50,
  resetMs: 60_000,
  fullAfterMs: 60_000,
  allowed: true,
  retryAfterMs: undefined,
  retryable: true,
  ...changes,
});

function quotas(...states: readonly QuotaState[]): readonly Quota[] {
  const policies = states.map(({ policy }) => policy);
  const report: QuotaReport = { nowMs: 0, policies, states, maxRetryAfterSeconds: undefined };
  return quotasOf(report);
}

describe("the kind of a policy", () => {
  test.each([
    [{ type: "count", unit: "requests" }, "requests"],
    [{ type: "token", unit: "tokens" }, "tokens"],
    [{ type: "inputToken", unit: "input-tokens" }, "input-tokens"],
    [{ type: "outputToken", unit: "output-tokens" }, "output-tokens"],
    // A unit of one's own does not change what is counted.
    [{ type: "token", unit: "acme-tokens" }, "tokens"],
    [{ unit: "requests" }, "requests"],
    [{ type: "prompt", unit: "input-tokens" }, "input-tokens"],
    [{ type: "concurrency", unit: "concurrent-requests" }, undefined],
    [{ type: "costUsd", unit: "costUsd" }, undefined],
  ])("%j is %s", (policy, kind) => {
    expect(kindOf(policy)).toBe(kind);
  });
});

describe("of several policies of a kind", () => {
  test("the one with least left is told, whole", () => {
    const day = state("count", { remaining: 40, fullAfterMs: 9 }, 1000);
    expect(quotas(state("count"), day)).toStrictEqual([
      { kind: "requests", limit: "1000", remaining: "40", fullAfterMs: 9, denied: false },
    ]);
  });

  test("the one that refuses is told, however much it has left", () => {
    const refusing = state("token", { remaining: 80, allowed: false, retryAfterMs: 5 }, 90);
    expect(quotas(state("token"), refusing)).toMatchObject([
      { kind: "tokens", limit: "90", remaining: "80", denied: true },
    ]);
  });
});

test("kinds are told apart, and other types not at all", () => {
  const told = quotas(state("outputToken"), state("seats"), state("count"), state("inputToken"));
  expect(told.map(({ kind }) => kind)).toStrictEqual(["requests", "input-tokens", "output-tokens"]);
});

test("what is unknown is left out, and debt is 0", () => {
  const unknown = state("count", { remaining: undefined });
  expect(quotas(unknown)).toMatchObject([{ remaining: undefined }]);
  expect(quotas(state("count", { remaining: -7 }))).toMatchObject([{ remaining: "0" }]);
});
