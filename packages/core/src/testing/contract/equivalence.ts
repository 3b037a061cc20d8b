import assert from "node:assert/strict";

import type { Limiter } from "../../limiter.ts";
import { createLimiter } from "../../limiter/create-limiter.ts";
import { type MemoryStore, memoryStore } from "../../memory-store.ts";
import { MAX_LEASE_MS } from "../../reservation.ts";
import type { Store } from "../../store.ts";
import { Replay } from "../equivalence/replay.ts";
import { timelineOf } from "../equivalence/timeline.ts";
import { type ManualClock, manualClock } from "../manual-clock.ts";
import type { ContractCase } from "./contract-case.ts";

/** Few enough that one case is over soon, and names a short range of seeds when it fails. */
const PER_CASE = 25;

/**
 * Shared stores cannot know which reservations are open, and leave a mark wherever something is reset.
 * The memory store does so while there are any: one that is always open makes the two alike.
 */
class LastingReservation {
  readonly #limiter: Limiter<"sync">;
  #id = "";

  constructor(memory: MemoryStore) {
    const limits = [{ type: "count", window: "day", limit: 1_000_000 }] as const;
    this.#limiter = createLimiter({ limits, store: memory, name: "lasting" });
  }

  /** Gives it the longest lease from now. */
  renew(): void {
    if (this.#id !== "" && this.#limiter.renew(this.#id, MAX_LEASE_MS)) return;
    const decision = this.#limiter.reserve("anybody", {}, { leaseMs: MAX_LEASE_MS });
    this.#id = decision.reservation?.id ?? "";
  }
}

/** Replays a timeline on both stores, which share the clock, and compares every answer. */
async function compare(
  seed: number,
  store: Store,
  memory: MemoryStore,
  lasting: LastingReservation,
  clock: ManualClock,
): Promise<void> {
  const timeline = timelineOf(seed);
  const [actual, expected] = [
    new Replay(timeline, store, clock),
    new Replay(timeline, memory, clock),
  ];
  for (const [index, step] of timeline.steps.entries()) {
    if (step.kind === "wait") clock.advance(step.ms);
    if (step.kind === "reset") lasting.renew();
    const right = await expected.run(step);
    const answer = await actual.run(step);
    const place = `timeline ${String(seed)}, step ${String(index)}: ${JSON.stringify(step)}`;
    assert.deepStrictEqual(answer, right, place);
  }
  await actual.close();
  await expected.close();
}

/**
 * Generated timelines, replayed on the store and on the memory store beside it: limits of every rule
 * in four scopes, costs, reservations, settlements, corrections, blocks and resets, clocks that jump
 * and step back, and routes with other numbers. Every number of every answer has to be the same.
 *
 * @param timelines how many
 * @param firstSeed which; a failure names the seed
 */
export const equivalenceCases = (timelines: number, firstSeed: number = 1): ContractCase[] =>
  Array.from({ length: Math.ceil(timelines / PER_CASE) }, (_, n) => {
    const first = firstSeed + n * PER_CASE;
    const last = Math.min(first + PER_CASE, firstSeed + timelines) - 1;
    return {
      name: `D-STO-01 timelines ${String(first)} to ${String(last)} give the numbers of the memory store`,
      async run(makeStore) {
        const clock = manualClock();
        const store = await makeStore(clock);
        const memory = memoryStore({ clock: clock.now });
        const lasting = new LastingReservation(memory);
        for (let seed = first; seed <= last; seed += 1) {
          await compare(seed, store, memory, lasting, clock);
        }
      },
    };
  });
