import { fourLimits, type Backend, tollgate } from "./stores-backends.ts";
import { callers, type Decider, type Load, type Round, rounds, takeTurns } from "./stores-load.ts";
import { figure, report, table } from "./stores-report.ts";

const hot = callers(1, 1);
const spread = callers(1000, 10);

const loads = (concurrencies: readonly number[]): readonly Load[] =>
  concurrencies.flatMap((concurrency) => {
    const loops = concurrency === 1 ? "one loop" : `${String(concurrency)} loops`;
    return [
      { name: `hot, ${loops}`, callers: hot, concurrency },
      { name: `spread, ${loops}`, callers: spread, concurrency },
    ];
  });

const rateOf = ({ callsPerSecond }: Round): number => callsPerSecond;
const timeOf = ({ clientUs, serverUs = 0 }: Round): number => clientUs + serverUs;

/** What each side came to: a line each. */
export function figuresOf(
  deciders: readonly Decider[],
  taken: readonly (readonly Round[])[],
): string {
  const titles = ["", "decisions/s", "client µs", "server µs"];
  const rows = deciders.map(({ name }, side) => {
    const own = taken[side] ?? [];
    const serverUs = own.flatMap((round) => round.serverUs ?? []);
    return [
      name,
      figure(own.map(rateOf)),
      figure(own.map(({ clientUs }) => clientUs)),
      serverUs.length === 0 ? "–" : figure(serverUs),
    ];
  });
  return table([titles, ...rows]);
}

/** Two sides that do the same work. */
interface Pairing {
  /** What they do. */
  readonly title: string;
  readonly ours: Decider;
  readonly peer: Decider;
}

/**
 * A union has one key for all its limiters, which is one subject under four limits. Layers that add up
 * the usage of different subjects have a key each.
 */
function pairingsOf({ store, peers, tunedPeers }: Backend): readonly Pairing[] {
  const together = fourLimits.map((limit, n) => ({
    ...limit,
    scope: "session",
    name: `layer-${n}`,
  }));
  const oneSubject = { ...tollgate(store, together, "one"), name: "tollgate, one subject" };
  const fourScopes = { ...tollgate(store), name: "tollgate, four scopes" };
  const pairings = [
    { title: "four limits of one subject", ours: oneSubject, peer: peers.union },
    { title: "four limits of four scopes", ours: fourScopes, peer: peers.layered },
  ];
  if (tunedPeers === undefined) return pairings;
  const tuned = { title: "four limits of one subject", ours: oneSubject, peer: tunedPeers.union };
  return [...pairings, tuned];
}

/** How many times as many decisions a second as the peer, under every load. */
export async function compareLoads(
  about: string,
  open: () => Promise<Backend>,
  target: number,
  concurrencies: readonly number[] = [32, 256],
): Promise<void> {
  const backend = await open();
  console.log(`${backend.about}; ${String(fourLimits.length)} layered limits\n`);
  const pairings = pairingsOf(backend);
  const deciders = [...new Set(pairings.flatMap(({ ours, peer }) => [ours, peer]))];
  for (const load of loads(concurrencies)) {
    const sides = deciders.map((decider) => ({ decider, load }));
    const taken = await takeTurns(sides, async () => backend.serverMs());
    const roundsOf = (decider: Decider): readonly Round[] => taken[deciders.indexOf(decider)] ?? [];
    for (const { title, ours, peer } of pairings) {
      const [own, theirs] = [roundsOf(ours), roundsOf(peer)];
      const common = { about, database: backend.about, against: peer.name, par: 1 };
      report({
        ...common,
        title: `${load.name}, ${title}`,
        unit: "decisions/s",
        own: own.map(rateOf),
        other: theirs.map(rateOf),
        better: "higher",
        target,
      });
      // Disturbed less by what else the machine does.
      report({
        ...common,
        title: `${load.name}, ${title}, processor time of client and server`,
        unit: "µs",
        own: own.map(timeOf),
        other: theirs.map(timeOf),
        better: "lower",
      });
    }
    console.log(`${figuresOf(deciders, taken)}\n`);
  }
  console.log(
    `medians and ranges of ${String(rounds)} rounds in turns; µs of processor time per decision`,
  );
  await backend.close();
}
