import { configError } from "../errors.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";

/**
 * What a call costs that ended before its answer did: `emitted` is its input and what was written so
 * far, `reserved` is all that was held, `refund` nothing.
 */
export type CutPolicy = "emitted" | "reserved" | "refund";

/** How LLM calls are held and settled; may differ from route to route and from call to call. */
export interface LlmPolicy {
  /**
   * Hold the whole output cap of the request, not what answers usually need of it: limits are then
   * never overshot, at the price of quota that lies idle. @default false
   */
  readonly hard?: boolean;
  /**
   * Where the input fits but the output does not, admit with a lower cap, of at least
   * `minOutputTokens` (default 256). The handler must pass the cap on; see `grant`. @default false
   */
  readonly partialGrant?: boolean | { readonly minOutputTokens: number };
  /** What a call costs whose connection closed before the end of the answer. @default 'emitted' */
  readonly onAbort?: CutPolicy;
  /** What a call costs that failed: status 5xx, or an error within the stream. @default 'emitted' */
  readonly onFailure?: CutPolicy;
}

/** {@link LlmPolicy} with nothing left open. */
export interface CallPolicy {
  readonly hard: boolean;
  /** `undefined` when caps are not to be lowered. */
  readonly minOutputTokens: number | undefined;
  readonly onAbort: CutPolicy;
  readonly onFailure: CutPolicy;
}

/** The names of the options in {@link LlmPolicy}. */
export const policyNames: readonly string[] = ["hard", "partialGrant", "onAbort", "onFailure"];

const DEFAULT_MIN_OUTPUT_TOKENS = 256;

const cutPolicies: readonly CutPolicy[] = ["emitted", "reserved", "refund"];

function parseCut(value: unknown, path: string): CutPolicy {
  const policy = cutPolicies.find((known) => known === value);
  if (policy !== undefined) return policy;
  throw configError(path, `one of ${cutPolicies.join(", ")}`, value);
}

function parseGrant(value: unknown, path: string): number | undefined {
  if (value === false) return undefined;
  if (value === true) return DEFAULT_MIN_OUTPUT_TOKENS;
  if (!isObject(value)) throw configError(path, "true, false or { minOutputTokens }", value);
  rejectUnknownKeys(value, ["minOutputTokens"], path);
  const { minOutputTokens } = value;
  if (Number.isSafeInteger(minOutputTokens) && Number(minOutputTokens) > 0) {
    return Number(minOutputTokens);
  }
  throw configError(`${path}.minOutputTokens`, "a positive integer", minOutputTokens);
}

/** Checks the policy among `options`; what it leaves open is as in `base`. */
export function parsePolicy(
  options: LlmPolicy,
  path: string,
  base: CallPolicy = {
    hard: false,
    minOutputTokens: undefined,
    onAbort: "emitted",
    onFailure: "emitted",
  },
): CallPolicy {
  const { hard = base.hard, partialGrant, onAbort, onFailure } = options;
  if (typeof hard !== "boolean") throw configError(`${path}.hard`, "true or false", hard);
  return {
    hard,
    minOutputTokens:
      partialGrant === undefined
        ? base.minOutputTokens
        : parseGrant(partialGrant, `${path}.partialGrant`),
    onAbort: onAbort === undefined ? base.onAbort : parseCut(onAbort, `${path}.onAbort`),
    onFailure: onFailure === undefined ? base.onFailure : parseCut(onFailure, `${path}.onFailure`),
  };
}

/** {@link parsePolicy} for options that are nothing but a policy. */
export function parseOwnPolicy(value: unknown, path: string, base: CallPolicy): CallPolicy {
  if (value === undefined) return base;
  if (!isObject(value)) throw configError(path, "an object", value);
  rejectUnknownKeys(value, policyNames, path);
  return parsePolicy(value, path, base);
}
