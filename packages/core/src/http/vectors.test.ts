import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "@jest/globals";

import { encodeKey } from "../keys.ts";
import { normaliseAddress } from "./address.ts";
import { ietfFields } from "./fields/ietf.ts";
import { draft6Fields, draft7Fields, xRateLimitFields } from "./fields/legacy.ts";
import { checkPolicies, type QuotaPolicy, type QuotaReport } from "./fields/quota.ts";
import { quotaProblem, type RefusalKind, retryAfterSeconds } from "./fields/refusal.ts";

const folder = join(__dirname, "../../../../../shared/vectors");
const present = existsSync(folder);
// Visible, because a suite that skips in silence passes for ever.
if (!present)
  process.stdout.write("SKIPPED: conformance vectors, needs the shared vectors folder\n");
const suite = present ? describe : describe.skip;

type Bytes = { readonly utf8: string } | { readonly hex: string } | null;
type Count = number | null | { readonly $negzero: true };

interface VectorPolicy {
  readonly name: string;
  readonly quota: Count;
  readonly windowMs: Count;
  readonly unit: string;
  readonly partitionKey: Bytes;
}

interface VectorState {
  readonly policy: string;
  readonly partitionKey: Bytes;
  readonly remaining: Count;
  readonly resetMs: Count;
  readonly allowed: boolean;
  readonly retryAfterMs: Count;
  readonly retryable?: boolean;
}

interface Vector {
  readonly id: string;
  readonly title: string;
  readonly input: {
    readonly nowMs: number;
    readonly policies: readonly VectorPolicy[];
    readonly state: readonly VectorState[];
    readonly options?: { readonly maxRetryAfterSeconds?: number };
    readonly reason?: RefusalKind;
  };
  readonly expected: {
    readonly ietf: Record<string, string>;
    readonly draft7: Record<string, string>;
    readonly draft6: Record<string, string>;
    readonly xRateLimit: Record<string, string>;
    readonly retryAfter: string | null;
    readonly status: number | null;
    readonly problem: Record<string, unknown> | null;
  };
}

interface HeaderVectors {
  readonly vectors: readonly Vector[];
  readonly invalid: readonly {
    readonly id: string;
    readonly title: string;
    readonly policies: readonly VectorPolicy[];
  }[];
}

interface KeyVectors {
  readonly ip: readonly {
    readonly id: string;
    readonly input: string;
    readonly prefix: number;
    readonly expected: string | null;
    readonly note: string;
  }[];
  readonly pairs: readonly {
    readonly id: string;
    readonly a: readonly string[];
    readonly b: readonly string[];
  }[];
  readonly hostile: readonly {
    readonly id: string;
    readonly component: string | { readonly repeat: string; readonly times: number };
  }[];
}

// Files are read while tests are collected, so an absent folder must give empty tables.
function read<T>(file: string, empty: T): T {
  if (!present) return empty;
  const parsed: T = JSON.parse(readFileSync(join(folder, file), "utf8"));
  return parsed;
}

const number = (value: Count | undefined): number | undefined => {
  if (value === null || value === undefined) return undefined;
  return typeof value === "number" ? value : -0;
};

function bytes(key: Bytes): Uint8Array | undefined {
  if (key === null) return undefined;
  return "utf8" in key ? Buffer.from(key.utf8, "utf8") : Buffer.from(key.hex, "hex");
}

const policyOf = ({ name, quota, windowMs, unit, partitionKey }: VectorPolicy): QuotaPolicy => ({
  name,
  quota: number(quota),
  windowMs: number(windowMs),
  unit,
  partitionKey: bytes(partitionKey),
});

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  Buffer.from(a ?? []).equals(Buffer.from(b ?? [])) && (a === undefined) === (b === undefined);

function reportOf({ input }: Vector): QuotaReport {
  const policies = input.policies.map(policyOf);
  const states = policies.flatMap((policy) => {
    const row = input.state.find(
      (state) =>
        state.policy === policy.name && sameBytes(bytes(state.partitionKey), policy.partitionKey),
    );
    return row === undefined
      ? []
      : {
          policy,
          remaining: number(row.remaining),
          resetMs: number(row.resetMs),
          allowed: row.allowed,
          retryAfterMs: number(row.retryAfterMs),
          retryable: row.retryable ?? true,
        };
  });
  return {
    nowMs: input.nowMs,
    policies,
    states,
    maxRetryAfterSeconds: input.options?.maxRetryAfterSeconds,
  };
}

const headers = read<HeaderVectors>("rate-limit-headers.json", { vectors: [], invalid: [] });
const keys = read<KeyVectors>("client-keys.json", { ip: [], pairs: [], hostile: [] });

suite("header vectors", () => {
  test("all of them are here", () => {
    expect(headers.vectors.length).toBeGreaterThanOrEqual(58);
    expect(headers.invalid.length).toBeGreaterThanOrEqual(10);
  });

  test.each(headers.vectors)("$id $title", (vector) => {
    const { expected, input } = vector;
    const report = reportOf(vector);
    checkPolicies(report.policies);
    const epoch = xRateLimitFields(report, "epoch");
    const delta = xRateLimitFields(report, "delta");
    const {
      "X-RateLimit-Reset:epoch": atEpoch,
      "X-RateLimit-Reset:delta": atDelta,
      ...common
    } = expected.xRateLimit;
    const withReset = (reset: string | undefined) =>
      reset === undefined ? common : { ...common, "X-RateLimit-Reset": reset };

    expect(ietfFields(report)).toStrictEqual(expected.ietf);
    expect(draft7Fields(report)).toStrictEqual(expected.draft7);
    expect(draft6Fields(report)).toStrictEqual(expected.draft6);
    expect(epoch).toStrictEqual(withReset(atEpoch));
    expect(delta).toStrictEqual(withReset(atDelta));
    const seconds = retryAfterSeconds(report);
    expect(seconds === undefined ? null : String(seconds)).toBe(expected.retryAfter);

    const denied = report.states.some(({ allowed }) => !allowed);
    const problem = denied ? quotaProblem(report, input.reason) : null;
    expect(problem?.status ?? null).toBe(expected.status);
    const { title: _, ...members } = problem ?? { title: "" };
    expect(problem === null ? null : members).toStrictEqual(expected.problem);
  });

  test.each(headers.invalid)("$id is refused at configuration: $title", ({ policies }) => {
    expect(() => {
      checkPolicies(policies.map(policyOf));
    }).toThrow(/expected/);
  });
});

suite("client key vectors", () => {
  test.each(keys.ip)("$id $note", ({ input, prefix, expected }) => {
    expect(normaliseAddress(input, prefix) ?? null).toBe(expected);
  });

  test.each(keys.pairs)("$id different components give different keys", ({ a, b }) => {
    expect(encodeKey(a)).not.toBe(encodeKey(b));
  });

  test.each(keys.hostile)("$id a hostile component is encoded and bounded", ({ component }) => {
    const text =
      typeof component === "string" ? component : component.repeat.repeat(component.times);
    const key = encodeKey([text]);
    expect(key).not.toMatch(/[{}*?[\]\r\n]/);
    expect(key.length).toBeLessThanOrEqual(200);
  });

  test("some pairs collide when they are merely joined, so the pairs can tell", () => {
    const collisions = keys.pairs.filter(({ a, b }) => a.join(":") === b.join(":"));
    expect(collisions).toHaveLength(2);
  });
});
