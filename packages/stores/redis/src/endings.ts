import type { Answers, Job } from "@tollgate/core/shared";

import type { GroupCalls } from "./group-calls.ts";
import { detailsIn, type Group } from "./groups.ts";

type Of<Kind extends Job["kind"]> = Job & { readonly kind: Kind };

/**
 * Settles the part at home first, which decides who of several was first and what was booked; the
 * others follow it. Who comes later says so to them again: that is how one catches up whose settler
 * died in between.
 */
export async function settleIn(
  calls: GroupCalls,
  [home, ...others]: readonly [Group, ...Group[]],
  job: Of<"settle">,
): Promise<Answers["settle"]> {
  const { details } = job;
  const { answer } = await calls.ask(home, { ...job, details: detailsIn(details, home) });
  if (typeof answer === "symbol" || answer.outcome === "unknown") return answer;
  const cost = answer.outcome === "released" ? undefined : answer.cost;
  const rest = await Promise.all(
    others.map(async (group) =>
      calls.ask(group, { ...job, details: detailsIn(details, group), cost }),
    ),
  );
  const forgiven = rest.flatMap((reply) =>
    typeof reply.answer === "symbol" ? [] : reply.answer.forgiven,
  );
  return { ...answer, forgiven: [...answer.forgiven, ...forgiven] };
}

/** Renewed where all of it is. */
export async function renewIn(
  calls: GroupCalls,
  groups: readonly Group[],
  job: Of<"renew">,
): Promise<Answers["renew"]> {
  const replies = await Promise.all(
    groups.map(async (group) => {
      const { answer } = await calls.ask(group, {
        ...job,
        details: detailsIn(job.details, group),
      });
      return answer;
    }),
  );
  return replies.find((answer) => answer !== true) ?? true;
}
