import type { Fields } from "../fields/quota.ts";
import { type FieldSet, mergeSets } from "../merge.ts";
import type { Dialect } from "./dialect.ts";
import { genericFields } from "./ietf.ts";
import { type Quota, type QuotaKind, quotasOf } from "./quotas.ts";

type Part = "limit" | "remaining" | "reset";

/** How a provider spells its fields. */
export interface Spelling {
  readonly nameOf: (kind: QuotaKind, part: Part) => string;
  readonly resetOf: (fullAfterMs: number, nowMs: number) => string;
  /** The kind a policy is told under. */
  readonly kindFor?: Parameters<typeof quotasOf>[1];
}

const parts: readonly Part[] = ["limit", "remaining", "reset"];

function setOf(quota: Quota, { nameOf, resetOf }: Spelling, nowMs: number): FieldSet {
  const { kind, limit, remaining, fullAfterMs, denied } = quota;
  const reset = fullAfterMs === undefined ? undefined : resetOf(fullAfterMs, nowMs);
  const values = { limit, remaining, reset };
  const fields: Fields = Object.fromEntries(
    parts.flatMap((part) => {
      const value = values[part];
      return value === undefined ? [] : [[nameOf(kind, part), value]];
    }),
  );
  const names = parts.map((part) => nameOf(kind, part));
  return { names, left: nameOf(kind, "remaining"), fields, denied };
}

/** A provider's fields, and beside them those that the `headers` option names. */
export const providerFields =
  (spelling: Spelling): Dialect["fields"] =>
  (report, settings, before, denied) => {
    const sets = quotasOf(report, spelling.kindFor).map((quota) =>
      setOf(quota, spelling, report.nowMs),
    );
    return {
      ...(settings.formatsNamed ? genericFields(report, settings, before, denied) : {}),
      ...mergeSets(sets, before),
    };
  };
