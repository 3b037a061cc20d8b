import type { Decision } from "../decision.ts";
import type { Plan } from "../policy/plan.ts";
import { decisiveRefusal } from "../refusal.ts";
import { remember } from "../remember.ts";
import type { Address } from "../store.ts";
import { Pauses } from "./pauses.ts";
import { type Attempt, WaitingRoom, type WaitingRoomOptions } from "./waiting-room.ts";

/** For how many open reservations it is known what their end gives back, and to whom. */
const MAX_REMEMBERED = 100_000;

/** A cell as waiting calls name it: limits of one scope and id are asked, and freed, together. */
export const cellOf = ({ plan, ids, tenant }: Address, scope: number): string =>
  JSON.stringify([
    plan.scopes[scope]?.space,
    plan.scopes[scope]?.withinTenant === true ? (tenant ?? null) : null,
    ids[scope],
  ]);

/** The cells of an address, of scopes with an id. */
export const cellsOf = (address: Address): readonly string[] =>
  address.ids.flatMap((id, scope) => (id === "" ? [] : [cellOf(address, scope)]));

/** The limit to wait for longest, and where it stands. */
function blockOf(plan: Plan, decision: Decision): Plan["places"][number] | undefined {
  const decisive = decisiveRefusal(decision.refusals);
  return plan.places.find(({ limit }) => limit.name === decisive?.limit);
}

/** What a decision means to a call that would wait. */
export function attemptOf(address: Address, decision: Decision): Attempt<Decision> {
  const { allowed: admitted, retryAfterMs } = decision;
  if (admitted || retryAfterMs === undefined) {
    return { decision, admitted, blockedBy: undefined, retryAfterMs: undefined, exact: true };
  }
  const place = blockOf(address.plan, decision);
  return {
    decision,
    admitted,
    blockedBy: cellOf(address, place?.scope ?? 0),
    retryAfterMs,
    // A slot may be vacated long before the lease it was taken with has ended.
    exact: place?.limit.algorithm !== "slots",
  };
}

/** The calls of a limiter that wait for room, and what must be known to let them in. */
export class WaitingCalls {
  readonly room: WaitingRoom<Decision>;
  /** Of calls that are slowed down. */
  readonly pauses: Pauses = new Pauses();
  /** The cells that each open reservation of this process holds something in. */
  readonly #heldIn = new Map<string, readonly string[]>();
  /** Nobody has to be told of what is given back before anybody waits. */
  #inUse = false;

  constructor(options: WaitingRoomOptions) {
    this.room = new WaitingRoom(options);
  }

  /** Calls may wait from now on. */
  use(): void {
    this.#inUse = true;
  }

  /** Nobody waits any longer, with or without room. */
  close(): void {
    this.room.close();
    this.pauses.endAll();
  }

  reserved(token: string, address: Address): void {
    if (this.#inUse) remember(this.#heldIn, token, cellsOf(address), MAX_REMEMBERED);
  }

  /** A reservation has ended, and what it gave back may be enough for somebody. */
  ended(token: string): void {
    const cells = this.#heldIn.get(token);
    this.#heldIn.delete(token);
    // Of one that was taken before anybody waited it is not known whose it was.
    this.room.freed(cells);
  }
}
