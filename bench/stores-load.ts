import { randomIds } from "./ids.ts";

/** Who calls: one id for each of the four layers but the last, which is everybody. */
export interface Caller {
  readonly session: string;
  readonly user: string;
  readonly tenant: string;
}

/** Something that decides whether a call may run. Throws if it may not: here everybody may. */
export interface Decider {
  readonly name: string;
  readonly decide: (caller: Caller) => unknown;
}

/** Who calls, and how many calls are under way at all times. */
export interface Load {
  readonly name: string;
  readonly callers: readonly Caller[];
  readonly concurrency: number;
}

/** What one round of one side came to. */
export interface Round {
  readonly callsPerSecond: number;
  /** Microseconds of processor time per call, of this process. */
  readonly clientUs: number;
  /** The same of the server, where it has a process of its own that can be looked at. */
  readonly serverUs: number | undefined;
}

const isShort = process.env["TOLLGATE_BENCH_SIZE"] === "short";

/** How often each side has its turn. */
export const rounds: number = isShort ? 3 : 7;
const roundMs = isShort ? 300 : 700;
const warmUpMs = isShort ? 300 : 1000;

/** So many callers of so many tenants. */
export function callers(count: number, tenants: number): readonly Caller[] {
  const tenantIds = randomIds(tenants);
  const users = randomIds(count);
  return randomIds(count).map((session, n) => ({
    session,
    user: users[n] ?? "",
    tenant: tenantIds[n % tenants] ?? "",
  }));
}

const nobody: Caller = { session: "", user: "", tenant: "" };

/** Calls all the time, by so many loops that each wait for their answer, and counts the calls. */
async function callFor(ms: number, { decide }: Decider, load: Load): Promise<number> {
  const until = performance.now() + ms;
  let calls = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      const caller = load.callers[(calls * 7919) % load.callers.length] ?? nobody;
      calls += 1;
      await decide(caller);
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, loop));
  return calls;
}

/** @param serverMs the processor time the server has used until now */
async function measure(
  decider: Decider,
  load: Load,
  serverMs: () => Promise<number | undefined>,
): Promise<Round> {
  const serverBefore = await serverMs();
  const clientBefore = process.cpuUsage();
  const begun = performance.now();
  const calls = await callFor(roundMs, decider, load);
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(clientBefore);
  const serverAfter = await serverMs();
  return {
    callsPerSecond: calls / seconds,
    clientUs: (user + system) / calls,
    serverUs:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : ((serverAfter - serverBefore) * 1000) / calls,
  };
}

/** One side and what it is put through. */
export interface Side {
  readonly decider: Decider;
  readonly load: Load;
}

/** Every side in turns, so that a noisy moment meets them all: for each side its rounds. */
export async function takeTurns(
  sides: readonly Side[],
  serverMs: () => Promise<number | undefined>,
): Promise<readonly (readonly Round[])[]> {
  for (const { decider, load } of sides) await callFor(warmUpMs, decider, load);
  const taken: Round[][] = sides.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, { decider, load }] of sides.entries()) {
      taken[at]?.push(await measure(decider, load, serverMs));
    }
  }
  return taken;
}
