import { configError } from "../../errors.ts";

/** What a response may say about one limit: the draft's "quota policy". */
export interface QuotaPolicy {
  readonly name: string;
  /** `undefined`: unlimited, and not advertised anywhere. */
  readonly quota: number | undefined;
  /** `undefined`: without a window, like a number of slots. */
  readonly windowMs: number | undefined;
  /** `requests`, or the unit's name as it goes on the wire. */
  readonly unit: string;
  /** The limit's type, whatever its unit is called; a unit is taken at its word without. */
  readonly type?: string;
  /** Opaque bytes that tell partitions of one policy apart. */
  readonly partitionKey: Uint8Array | undefined;
}

/** How one policy stands after a request was evaluated. */
export interface QuotaState {
  readonly policy: QuotaPolicy;
  /** `undefined`: unknown. */
  readonly remaining: number | undefined;
  /** For how long `remaining` is all there is; `undefined`: unknown. */
  readonly resetMs: number | undefined;
  /** How long until nothing is used any more if nobody spends; `undefined`: unknown. */
  readonly fullAfterMs?: number;
  /** Whether this policy had room for the request. */
  readonly allowed: boolean;
  /** Denied: how long until the request fits; `undefined`: unknown. */
  readonly retryAfterMs: number | undefined;
  /** Denied: whether waiting helps at all. */
  readonly retryable: boolean;
}

/** Everything the fields of one response are made from. */
export interface QuotaReport {
  /** By the server's clock. */
  readonly nowMs: number;
  /** The advertised policies that concern the caller, in the order of the configuration. */
  readonly policies: readonly QuotaPolicy[];
  /** Those that were evaluated, in the same order. */
  readonly states: readonly QuotaState[];
  /** The longest wait ever told, in seconds; `undefined`: no cap. */
  readonly maxRetryAfterSeconds: number | undefined;
}

/** Header fields by name. */
export type Fields = Readonly<Record<string, string>>;

const PRINTABLE = /^[\x20-\x7e]+$/;

/**
 * Refuses policies that no header can carry. To be called when a limiter is configured: the same
 * policies at request time would be a failure per request, or a field that nobody can read.
 * @throws TollgateError `INVALID_CONFIG`
 */
export function checkPolicies(policies: readonly QuotaPolicy[], path = "policies"): void {
  const identities = new Set<string>();
  for (const [index, { name, quota, windowMs, unit, partitionKey }] of policies.entries()) {
    const place = `${path}[${String(index)}]`;
    if (!PRINTABLE.test(name)) {
      throw configError(`${place}.name`, "printable ASCII, at least one character", name);
    }
    if (!PRINTABLE.test(unit)) {
      throw configError(`${place}.unit`, "printable ASCII, at least one character", unit);
    }
    if (quota !== undefined && !(Number.isInteger(quota) && quota >= 0)) {
      throw configError(`${place}.quota`, "a non-negative integer", quota);
    }
    if (windowMs !== undefined && !(windowMs > 0)) {
      throw configError(`${place}.windowMs`, "more than 0", windowMs);
    }
    const partition =
      partitionKey === undefined ? "" : `:${Buffer.from(partitionKey).toString("hex")}`;
    const identity = `${JSON.stringify(name)}${partition}`;
    if (identities.has(identity)) {
      throw configError(`${place}.name`, "a name that no other policy of its partition has", name);
    }
    identities.add(identity);
  }
}
