import {
  type Answers,
  type Engine,
  HELD,
  type Job,
  LEASE_ENDS_AT,
  readDetails,
  recordKeys,
  STATUS,
  type StoredReservation,
  type StoredUsage,
} from "@tollgate/core/shared";

import { Decisions } from "./decisions.ts";
import { renewIn, settleIn } from "./endings.ts";
import type { EngineOptions } from "./engine.ts";
import { GroupCalls } from "./group-calls.ts";
import { type Group, groupsOf, markOf, numbersIn, numbersOfAll } from "./groups.ts";
import { Keyspace } from "./keyspace.ts";
import { clusterNamesIn } from "./names.ts";
import { Places } from "./places.ts";

/**
 * A cluster: a trip is one call for each group of records that lie under one tag, all at the same time;
 * a decision over several groups asks them one after the other.
 */
export function clusterEngine({ client, prefix, clock }: EngineOptions): Engine {
  const names = clusterNamesIn(prefix);
  const calls = new GroupCalls(client, names, clock);
  const decisions = new Decisions(calls);
  const keyspace = new Keyspace(client, names, clock);
  const places = new Places(client, names, clock);

  async function answerTo(job: Job): Promise<Answers[Job["kind"]]> {
    const address = "details" in job ? job.details.address : job.address;
    const groups = groupsOf(address);
    switch (job.kind) {
      case "apply": {
        const noted = job.operations.flatMap((operation) =>
          operation.mode === "reserve"
            ? [places.note(operation.token, groups[0].tag, operation.leaseMs)]
            : [],
        );
        const [replies] = await Promise.all([decisions.apply(job, groups), ...noted]);
        return replies;
      }
      case "settle":
        return settleIn(calls, groups, job);
      case "renew": {
        const renewed = await renewIn(calls, groups, job);
        if (renewed === true) await places.note(job.token, groups[0].tag, job.leaseMs);
        return renewed;
      }
      case "forget":
        await Promise.all(
          groups.map(async (group) => calls.ask(group, { ...job, address: group.address })),
        );
        return undefined;
    }
  }

  const partIn = async (token: string, tag: string): Promise<StoredReservation | undefined> =>
    keyspace.reservation(names.under(tag).reservation(token));

  /** The reservation of which one part was found, if that is its home. */
  async function whole(
    token: string,
    tag: string,
    { details, numbers }: StoredReservation,
  ): Promise<StoredReservation | undefined> {
    const read = readDetails(details, markOf(numbers));
    const [home, ...others] = groupsOf(read.address);
    if (home.tag !== tag) return undefined;
    if (others.length === 0) return { details, numbers };
    const parts = await Promise.all(
      others.map(async (group): Promise<readonly [Group, readonly number[] | undefined]> => [
        group,
        (await partIn(token, group.tag))?.numbers,
      ]),
    );
    return { details, numbers: numbersOfAll([[home, numbers], ...parts], read) };
  }

  async function put(entry: StoredUsage): Promise<void> {
    if ("key" in entry) return keyspace.importRecord(names.record(entry.key), entry.record);
    const { token, details, numbers } = entry;
    const read = readDetails(details, markOf(numbers));
    const groups = groupsOf(read.address);
    const leaseMs = (numbers[LEASE_ENDS_AT] ?? 0) - (clock?.() ?? Date.now());
    await Promise.all([
      places.note(token, groups[0].tag, leaseMs),
      ...groups.map(async (group) => {
        const stored = { details, numbers: numbersIn(numbers, group, read) };
        const keys = recordKeys(group.address).filter((key) => key !== "");
        const indexes = numbers[STATUS] === HELD ? keys.map(names.index) : [];
        const name = names.under(group.tag).reservation(token);
        await keyspace.importReservation({ name, stored }, new Set(indexes));
      }),
    ]);
  }

  return {
    synchronous: false,
    // Each on its own: what one node fails to do is no failure of the others.
    run: ({ jobs }) => jobs.map(async ({ job }) => answerTo(job)),
    reservation: async (token) => {
      const tag = await places.find(token);
      return tag === undefined ? undefined : partIn(token, tag);
    },
    reservationsAt: async ([key]) => {
      if (key === undefined) return [];
      const found = await keyspace.listedIn(names.index(key));
      return found.map(({ name, stored }) => ({ token: names.tokenIn(name), stored }));
    },
    sweep: async (beforeMs) => keyspace.sweep(beforeMs),
    async *exportUsage() {
      yield* keyspace.records();
      for await (const { name, stored } of keyspace.reservations()) {
        const token = names.tokenIn(name);
        const all = await whole(token, names.tagIn(name), stored);
        if (all !== undefined) yield { token, ...all };
      }
    },
    importUsage: async (usage) => keyspace.inSteps(usage, put),
    close: () => undefined,
  };
}
