import type { BatchReply, Operation, OperationReply, Plan } from "@tollgate/core";
import type { Job, ReservationDetails } from "@tollgate/core/shared";

import type { GroupCalls, Reply } from "./group-calls.ts";
import { detailsIn, type Group, narrowed } from "./groups.ts";
import { merged } from "./merge.ts";
import type { Aside } from "./wire.ts";

type ApplyJob = Job & { readonly kind: "apply" };
type Groups = readonly [Group, ...Group[]];

/** What a group said to an operation. */
interface Said {
  readonly group: Group;
  readonly reply: OperationReply;
  readonly generations: readonly number[];
}

/**
 * Decides over one or several groups of records. With several, what may be refused is asked of one
 * after the other, beginning with the one that refused last, since most likely it does so again; when
 * one refuses, what the earlier ones have charged is given back. So it never admits too much, though
 * while it lasts others may be refused by what is given back then.
 */
export class Decisions {
  readonly #calls: GroupCalls;
  /** For each plan the scopes of the group that refused last. */
  readonly #refused = new WeakMap<Plan, string>();
  #givenBack = 0;

  constructor(calls: GroupCalls) {
    this.#calls = calls;
  }

  async apply(job: ApplyJob, groups: Groups): Promise<BatchReply> {
    const [only, ...others] = groups;
    if (others.length === 0) {
      const { answer } = await this.#calls.ask(only, { ...job, address: only.address });
      return answer;
    }
    const replies: OperationReply[] = [];
    for (const [index, operation] of job.operations.entries()) {
      const details = job.reservations[index];
      replies.push(await this.#decide(job.address.plan, groups, operation, details));
    }
    return replies;
  }

  async #decide(
    plan: Plan,
    groups: Groups,
    operation: Operation,
    details: ReservationDetails | undefined,
  ): Promise<OperationReply> {
    if (operation.mode !== "take" && operation.mode !== "reserve") {
      const said = groups.map(async (group) => this.#ask(group, operation, details));
      return merged(plan, groups, await repliesOf(said));
    }
    const said: Said[] = [];
    for (const group of this.#order(plan, groups)) {
      const one = await this.#ask(group, operation, details);
      said.push(one);
      if (one.reply.outcome === "admitted") continue;
      this.#refused.set(plan, String(group.scopes));
      return this.#refuse(plan, groups, operation, details, said);
    }
    const replies = groups.map(async (group) => saidBy(said, group));
    return merged(plan, groups, await repliesOf(replies));
  }

  #order(plan: Plan, groups: Groups): readonly Group[] {
    const first = this.#refused.get(plan);
    const isFirst = ({ scopes }: Group): boolean => String(scopes) === first;
    return groups.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)));
  }

  /** The last has refused. The earlier ones get back what they gave; the others are but asked. */
  async #refuse(
    plan: Plan,
    groups: Groups,
    operation: Operation,
    details: ReservationDetails | undefined,
    said: readonly Said[],
  ): Promise<OperationReply> {
    const check: Operation = { mode: "check", amounts: operation.amounts };
    const refusing = said.at(-1);
    const replies = groups.map(async (group) => {
      const own = said.find((one) => one.group === group);
      if (own !== undefined && own === refusing) return own;
      if (own !== undefined && !own.reply.repeated) this.#giveBack(own, operation, details);
      return this.#ask(group, check, undefined);
    });
    return merged(plan, groups, await repliesOf(replies));
  }

  // It leaves with the check that follows, before it, so that this is not counted there any more. If
  // it is lost, the charge stays: that is as if it had been admitted, and ages out the same way.
  #giveBack(
    { group, reply, generations }: Said,
    operation: Operation,
    details: ReservationDetails | undefined,
  ): void {
    const { plan } = group.address;
    const isReserved = operation.mode === "reserve" && details !== undefined;
    // What was never on record needs a token for as long as it is on its way.
    this.#givenBack += 1;
    const token = isReserved ? operation.token : `given back ${String(this.#givenBack)}`;
    const types = plan.limits.map(({ type }) => [type, 0] as const);
    const taken: ReservationDetails = {
      address: group.address,
      amounts: narrowed(operation, group).amounts,
      cost: Object.fromEntries(types),
      mark: 0,
    };
    const aside: Aside = isReserved
      ? { drop: true }
      : { given: takenNumbers(reply, generations, taken) };
    void this.#calls
      .ask(
        group,
        {
          kind: "settle",
          token,
          details: isReserved ? detailsIn(details, group) : taken,
          cost: undefined,
        },
        new Map([[token, aside]]),
      )
      .catch(() => undefined);
  }

  async #ask(
    group: Group,
    operation: Operation,
    details: ReservationDetails | undefined,
  ): Promise<Said> {
    const job: ApplyJob = {
      kind: "apply",
      address: group.address,
      operations: [narrowed(operation, group)],
      reservations: [details],
    };
    const { answer, generations }: Reply<ApplyJob> = await this.#calls.ask(group, job);
    const [reply] = answer;
    if (reply === undefined) throw new TypeError("an operation without a reply");
    return { group, reply, generations };
  }
}

const repliesOf = async (said: readonly Promise<Said>[]): Promise<readonly OperationReply[]> =>
  (await Promise.all(said)).map(({ reply }) => reply);

function saidBy(said: readonly Said[], group: Group): Said {
  const own = said.find((one) => one.group === group);
  if (own === undefined) throw new TypeError("a group that was not asked");
  return own;
}

/**
 * A charge as if it had been put on record, see `shared/reservation-details.ts`: held, mark 0, taken
 * before anything that is held was counted, its lease not over.
 */
const takenNumbers = (
  { cells, nowMs }: OperationReply,
  generations: readonly number[],
  { address: { plan }, cost }: ReservationDetails,
): readonly number[] => [
  0,
  0,
  0,
  nowMs,
  ...plan.limits.map((_, index) => cells[index * 4 + 1] ?? 0),
  ...generations,
  ...Object.keys(cost).map(() => 0),
];
