import { checkCost, type Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import { rateLimitError } from "../errors.ts";
import type { Limiter, ReserveOptions } from "../limiter.ts";
import type { Subject } from "../subject.ts";
import type { Arguments, Patience } from "./call-options.ts";

/** One call before it is decided on. */
export interface Entering<Args extends Arguments> {
  readonly subject: Subject;
  readonly cost: Cost | undefined;
  readonly args: Args;
  readonly wait: Patience<Args> | undefined;
  /** How it is reserved; `undefined` to charge it for good. */
  readonly reserve: ReserveOptions | undefined;
}

/** Decides on a call, now or after a wait. @throws TollgateError `REFUSED` */
export async function admit<Args extends Arguments>(
  limiter: Limiter,
  { subject, cost, args, wait, reserve }: Entering<Args>,
): Promise<Decision> {
  const decision = await decide();
  if (!decision.allowed) throw rateLimitError(decision);
  return decision;

  function decide(): ReturnType<Limiter["check"]> {
    if (wait !== undefined) {
      const signal = wait.signalOf(args);
      return limiter.acquire(subject, cost, {
        ...wait.options,
        ...reserve,
        reserve: reserve !== undefined,
        ...(signal === undefined ? {} : { signal }),
      });
    }
    return reserve === undefined
      ? limiter.checkAndRecord(subject, cost)
      : limiter.reserve(subject, cost, reserve);
  }
}

/** Checks a cost that is told after the call. @throws TollgateError `INVALID_COST` */
export function checkActualCost({ metered }: Limiter, cost: Cost): void {
  checkCost(metered, cost);
}
