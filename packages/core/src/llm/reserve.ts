import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { MaybePromise } from "../store.ts";
import type { MeteredCall } from "./metered-call.ts";

/** Reserves a cost. */
export type Reserve = (cost: Cost) => MaybePromise<Decision>;

/** Others may take the room that was seen; after this many times the refusal stands. */
const MAX_LOWERINGS = 3;

/**
 * Reserves what a call is thought to need and, where its policy allows, as much of it as fits.
 * @param extra amounts beside the tokens, which replace those of the same type
 * @param reserveWaiting for a call that would wait, once there is nothing left to lower
 */
export async function reserveCall(
  call: MeteredCall,
  extra: Cost | undefined,
  reserve: Reserve,
  reserveWaiting?: Reserve,
): Promise<Decision> {
  const cost = (): Cost => ({ count: 1, ...call.cost, ...extra });
  if (reserveWaiting !== undefined && !call.mayBeLowered) return reserveWaiting(cost());
  let decision = await reserve(cost());
  for (let time = 0; time < MAX_LOWERINGS && !decision.allowed; time += 1) {
    if (!call.lower(decision)) break;
    // One after the other: each try depends on what the one before was told.
    decision = await reserve(cost());
  }
  return decision.allowed || reserveWaiting === undefined ? decision : reserveWaiting(cost());
}
