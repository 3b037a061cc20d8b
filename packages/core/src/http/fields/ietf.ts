import { quotaOf, remainingOf, resetSeconds, windowSeconds } from "./numbers.ts";
import { byUrgency } from "./order.ts";
import type { Fields, QuotaPolicy, QuotaReport } from "./quota.ts";

// RFC 9651 §4.1.6. Names and units were checked to be printable ASCII when they were configured.
const sfString = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

const sfBytes = (bytes: Uint8Array): string => `:${Buffer.from(bytes).toString("base64")}:`;

const item = (name: string, parameters: readonly (string | undefined)[]): string =>
  [sfString(name), ...parameters.filter((parameter) => parameter !== undefined)].join(";");

const partition = ({ partitionKey }: QuotaPolicy): string | undefined =>
  partitionKey === undefined ? undefined : `pk=${sfBytes(partitionKey)}`;

function policyItem(policy: QuotaPolicy): string {
  const seconds = windowSeconds(policy);
  return item(policy.name, [
    `q=${String(quotaOf(policy))}`,
    policy.unit === "requests" ? undefined : `qu=${sfString(policy.unit)}`,
    seconds === undefined ? undefined : `w=${String(seconds)}`,
    partition(policy),
  ]);
}

const listField = (name: string, items: readonly string[]): Fields =>
  items.length === 0 ? {} : { [name]: items.join(", ") };

/**
 * `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-08 to -11, which is
 * an Internet-Draft and may change.
 */
export function ietfFields(report: QuotaReport): Fields {
  const policies = report.policies.filter(({ quota }) => quota !== undefined);
  const states = byUrgency(report).flatMap((state) => {
    const remaining = remainingOf(state);
    const seconds = resetSeconds(state, report);
    // `r` is required: what is unknown cannot be listed.
    if (remaining === undefined) return [];
    return item(state.policy.name, [
      `r=${String(remaining)}`,
      seconds === undefined ? undefined : `t=${String(seconds)}`,
      partition(state.policy),
    ]);
  });
  return {
    ...listField("RateLimit-Policy", policies.map(policyItem)),
    ...listField("RateLimit", states),
  };
}
