import { quotaOf, remainingOf } from "../fields/numbers.ts";
import { mostRestrictive } from "../fields/order.ts";
import type { QuotaPolicy, QuotaReport, QuotaState } from "../fields/quota.ts";

/** What providers count. */
export type QuotaKind = "requests" | "tokens" | "input-tokens" | "output-tokens";

/** What a provider's fields say about one kind. */
export interface Quota {
  readonly kind: QuotaKind;
  readonly limit: string;
  /** `undefined`: unknown. */
  readonly remaining: string | undefined;
  /** How long until nothing is used any more; `undefined`: unknown. */
  readonly fullAfterMs: number | undefined;
  /** Whether a limit of this kind refused the request. */
  readonly denied: boolean;
}

const kindsOfTypes: ReadonlyMap<string, QuotaKind> = new Map([
  ["count", "requests"],
  ["token", "tokens"],
  ["inputToken", "input-tokens"],
  ["outputToken", "output-tokens"],
]);
const kinds: readonly QuotaKind[] = [...kindsOfTypes.values()];

/** What providers would call the policy's unit; `undefined` when they count nothing like it. */
export const kindOf = ({ type, unit }: Pick<QuotaPolicy, "type" | "unit">): QuotaKind | undefined =>
  kindsOfTypes.get(type ?? "") ?? kinds.find((kind) => kind === unit);

/**
 * One quota per kind that has advertised policies: that of the most restrictive of them, whole. A
 * denied one comes first, then the one with least left.
 * @param kindFor the kind a policy is told under
 */
export function quotasOf(
  report: QuotaReport,
  kindFor: (policy: QuotaPolicy) => QuotaKind | undefined = kindOf,
): readonly Quota[] {
  return kinds.flatMap((kind) => {
    const states = report.states
      .filter(({ policy }) => kindFor(policy) === kind)
      // One unit: what is left is compared, whatever the units are called.
      .map((state): QuotaState => ({ ...state, policy: { ...state.policy, unit: kind } }));
    const state = mostRestrictive({ ...report, states });
    if (state === undefined) return [];
    const remaining = remainingOf(state);
    return {
      kind,
      limit: String(quotaOf(state.policy)),
      remaining: remaining === undefined ? undefined : String(remaining),
      fullAfterMs: state.fullAfterMs,
      denied: !state.allowed,
    };
  });
}
