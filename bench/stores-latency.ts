import type { LimitInput } from "@tollgate/core";

import { median } from "./harness.ts";
import { randomId } from "./ids.ts";
import { type Backend, fourLimits, tollgate } from "./stores-backends.ts";
import { type Caller, type Decider, rounds } from "./stores-load.ts";
import { PLENTY } from "./stores-peers.ts";
import { type Finding, report, table } from "./stores-report.ts";

const CALLS = 1000;
const WARM_UP_CALLS = 300;

/** The same layers once more, with longer windows. */
const eightLimits: readonly LimitInput[] = [
  ...fourLimits,
  ...(["session", "user", "tenant", "global"] as const).map((scope): LimitInput => ({
    type: "count",
    scope,
    window: "week",
    limit: PLENTY,
  })),
];

const somebody: Caller = { session: randomId(), user: randomId(), tenant: randomId() };

/** How long each of so many calls took that had the database to themselves, in ms. */
async function timesOf({ decide }: Decider, calls: number): Promise<number[]> {
  const times: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const begun = performance.now();
    await decide(somebody);
    times.push(performance.now() - begun);
  }
  return times;
}

const percentile = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN;

const inUs = (ms: number): string => (ms * 1000).toFixed(ms < 0.1 ? 1 : 0);

/** What a lone call takes, beside the least that the database can be asked for. */
export async function lone(about: string, open: () => Promise<Backend>): Promise<void> {
  const backend = await open();
  console.log(`${backend.about}; calls one after the other\n`);
  const alone = (count: number): Decider => {
    const limits = eightLimits.slice(0, count);
    const { decide } = tollgate(backend.store, limits, `lone${String(count)}`);
    return { name: `tollgate, ${String(count)} limit${count === 1 ? "" : "s"}`, decide };
  };
  const [one, four, eight] = [alone(1), alone(4), alone(8)];
  const { union } = backend.peers;
  const sides = [backend.roundTrip, one, four, eight, union];
  for (const side of sides) await timesOf(side, WARM_UP_CALLS);
  const taken: number[][][] = sides.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, side] of sides.entries()) {
      taken[at]?.push(await timesOf(side, Math.ceil(CALLS / rounds)));
    }
  }
  const middlesOf = (side: Decider): readonly number[] =>
    (taken[sides.indexOf(side)] ?? []).map(median);
  const tell = (side: Decider, other: Decider, more: Pick<Finding, "par"> = {}): void =>
    report({
      about,
      database: backend.about,
      title: side.name,
      against: other.name,
      unit: "ms",
      own: middlesOf(side),
      other: middlesOf(other),
      better: "lower",
      ...more,
    });
  for (const side of [one, four, eight]) tell(side, backend.roundTrip);
  tell(four, union, { par: 1 });
  const rows = sides.map(({ name }, at) => {
    const times = taken[at]?.flat() ?? [];
    return [name, inUs(percentile(times, 0.5)), inUs(percentile(times, 0.99))];
  });
  console.log(table([["", "p50 µs", "p99 µs"], ...rows]));
  await backend.close();
}
