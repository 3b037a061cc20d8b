import { describe, expect, test } from "@jest/globals";

import { planOf } from "../policy/plan-source.ts";
import { tiers } from "./presets.ts";
import { parsePolicy, suspendedPolicy } from "./tier-policy.ts";

const invalid = (path: string): unknown =>
  expect.objectContaining({ code: "INVALID_CONFIG", path });

describe("an answer of the limits function", () => {
  test("is a list of limits, or a policy, or nothing", () => {
    const limits = tiers.pro;
    const overrides = { "count-per-minute-tenant": { limit: 90 } };
    expect(parsePolicy(limits, "limits")).toEqual({ limits, overrides: {}, suspended: false });
    expect(parsePolicy({ limits, overrides, suspended: true }, "limits")).toEqual({
      limits,
      overrides,
      suspended: true,
    });
    expect([undefined, null].map((answer) => parsePolicy(answer, "limits"))).toEqual([
      undefined,
      undefined,
    ]);
  });

  test.each([
    ["NaN", Number.NaN, "limits"],
    ["text", "100", "limits"],
    ["a number", -1, "limits"],
    ["false", false, "limits"],
    ["a policy without limits", {}, "limits.limits"],
    ["a row of a table", { limits: [], tenant: "acme" }, "limits.tenant"],
    ["a switch that is a number", { limits: [], suspended: 1 }, "limits.suspended"],
    ["overrides as text", { limits: [], overrides: "{}" }, "limits.overrides"],
    ["overrides that are null", { limits: [], overrides: null }, "limits.overrides"],
  ])("is refused when it is %s", (_, answer, path) => {
    expect(() => parsePolicy(answer, "limits")).toThrow(invalid(path));
  });

  test("needs no limits to suspend", () => {
    for (const answer of [{ suspended: true }, { suspended: true, limits: [] }]) {
      expect(parsePolicy(answer, "limits")).toEqual(suspendedPolicy("suspended"));
    }
  });
});

test("a suspended policy compiles to one limit that refuses every subject and is not advertised", () => {
  const plan = planOf("default", "tenant", suspendedPolicy("unknown-subject"));
  expect(plan.limits).toHaveLength(1);
  expect(plan.limits[0]).toMatchObject({
    name: "unknown-subject",
    scope: "global",
    suspended: true,
    advertised: false,
  });
});
