import type { OperationReply, Plan } from "@tollgate/core";

import type { Group } from "./groups.ts";

/** The numbers of a cell; see `algorithms/cell.ts` of core. */
const CELL_SIZE = 4;

/** Most telling first. */
const outcomes = ["conflict", "impossible", "refused", "admitted"] as const;

/** One reply of those of all groups, in the order of the whole plan. */
export function merged(
  plan: Plan,
  groups: readonly Group[],
  replies: readonly OperationReply[],
): OperationReply {
  const cells: number[] = plan.limits.flatMap(() => [0, 0, 0, 0]);
  const waitsMs: number[] = plan.limits.map(() => 0);
  for (const [index, { limits }] of groups.entries()) {
    const reply = replies[index];
    const own = reply?.cells ?? [];
    for (const [n, limit] of limits.entries()) {
      waitsMs[limit] = reply?.waitsMs?.[n] ?? 0;
      for (let part = 0; part < CELL_SIZE; part += 1) {
        cells[limit * CELL_SIZE + part] = own[n * CELL_SIZE + part] ?? 0;
      }
    }
  }
  const outcome =
    outcomes.find((one) => replies.some((reply) => reply.outcome === one)) ?? "admitted";
  const leases = replies.map(({ leaseEndsAtMs }) => leaseEndsAtMs).filter((endMs) => endMs > 0);
  const isRefused = outcome === "refused" || outcome === "impossible";
  return {
    outcome,
    waitsMs: replies.some((reply) => reply.waitsMs !== undefined) ? waitsMs : undefined,
    blockedUntilMs: Math.max(...replies.map(({ blockedUntilMs }) => blockedUntilMs)),
    cells,
    leaseEndsAtMs: isRefused || leases.length === 0 ? 0 : Math.min(...leases),
    repeated: outcome === "conflict" || replies.every(({ repeated }) => repeated),
    // Every node has a clock of its own.
    nowMs: Math.max(...replies.map(({ nowMs }) => nowMs)),
  };
}
