import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { Limiter } from "../limiter.ts";
import type { Subject } from "../subject.ts";
import type { MeteredCall } from "./metered-call.ts";

/** Others may take the room that was seen; after this many times the refusal stands. */
const MAX_LOWERINGS = 3;

/**
 * Reserves what a call is thought to need and, where its policy allows, as much of it as fits.
 * @param extra amounts beside the tokens, which replace those of the same type
 */
export async function reserveCall(
  limiter: Limiter,
  subject: Subject,
  call: MeteredCall,
  extra: Cost | undefined,
): Promise<Decision> {
  const attempt = async (): Promise<Decision> =>
    limiter.reserve(subject, { count: 1, ...call.cost, ...extra });
  let decision = await attempt();
  for (let time = 0; time < MAX_LOWERINGS && !decision.allowed; time += 1) {
    if (!call.lower(decision)) return decision;
    // One after the other: each try depends on what the one before was told.
    decision = await attempt();
  }
  return decision;
}
