import { setImmediate, setTimeout as sleep } from "node:timers/promises";

import { type Limiter, type Subject, TollgateError } from "@tollgate/core";
import type { RedisCluster, RunningServer } from "@tollgate/servers";
import { Redis } from "ioredis";

/** Asks until the answer is yes; fails when it is not in good time. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 45_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(10);
  }
}

type Cost = Readonly<Record<"count" | "token", number>>;

const cost: Cost = { count: 1, token: 10 };
/** For what every reservation is settled. */
const settled: Cost = { count: 1, token: 7 };

/** Callers of a tenant who ask again as soon as they are answered. */
export class Load {
  readonly tenant: string;
  admitted: number = 0;
  refused: number = 0;
  /** What the tenant was told that it has used. */
  tokens: number = 0;
  /** Of the reservations that it was told of. */
  readonly ids: Set<string> = new Set();
  readonly failures: string[] = [];
  /** When the first call was answered that was begun after the mark. */
  answeredAt: number | undefined;
  readonly #limiter: Limiter;
  readonly #reserves: (caller: number) => boolean;
  #markedAt = Infinity;
  #isOver = false;
  #callers: readonly Promise<void>[] = [];

  constructor(
    limiter: Limiter,
    tenant: string,
    /** Whether a caller reserves and settles, or does all in one call. */
    reserves: (caller: number) => boolean,
  ) {
    this.#limiter = limiter;
    this.tenant = tenant;
    this.#reserves = reserves;
  }

  subject(caller: number): Subject {
    return { tenant: this.tenant, user: `u-${String(caller % 3)}` };
  }

  mark(): void {
    this.#markedAt = performance.now();
    this.answeredAt = undefined;
  }

  start(callers: number): void {
    this.#isOver = false;
    this.#callers = Array.from({ length: callers }, async (_, caller) => {
      while (!this.#isOver) await this.#once(caller);
    });
  }

  /** When everybody has been answered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  /** Goes on until there is no room. */
  async exhaust(callers: number): Promise<void> {
    const before = this.refused;
    this.start(callers);
    await until("no room is left", () => this.refused > before || this.failures.length > 10_000);
    await this.stop();
  }

  async #once(caller: number): Promise<void> {
    const beganAt = performance.now();
    try {
      const isAdmitted = this.#reserves(caller)
        ? await this.#reserve(caller)
        : await this.#take(caller);
      if (!isAdmitted) this.refused += 1;
      if (beganAt >= this.#markedAt) this.answeredAt ??= performance.now();
    } catch (error) {
      const { code, cause } = error instanceof TollgateError ? error : { code: "", cause: "" };
      this.failures.push(`${code}: ${String(error)}: ${String(cause)}`);
      await setImmediate();
    }
  }

  async #take(caller: number): Promise<boolean> {
    const { allowed } = await this.#limiter.checkAndRecord(this.subject(caller), cost);
    if (!allowed) return false;
    this.admitted += 1;
    this.tokens += cost.token;
    return true;
  }

  async #reserve(caller: number): Promise<boolean> {
    const { reservation } = await this.#limiter.reserve(this.subject(caller), cost);
    if (reservation === undefined) return false;
    this.admitted += 1;
    this.tokens += cost.token;
    this.ids.add(reservation.id);
    const { outcome } = await this.#limiter.settle(reservation.id, settled);
    if (outcome === "settled") this.tokens += settled.token - cost.token;
    return true;
  }

  /** What is on record for the tenant, and for all its users together. */
  async used(): Promise<{ readonly count: number; readonly token: number; readonly held: number }> {
    const [own, ...others] = await Promise.all(
      [0, 1, 2].map(async (caller) => this.#limiter.usage(this.subject(caller))),
    );
    const of = (name: string) => own?.find(({ limit }) => limit === name);
    const ofUsers = [own, ...others].map(
      (usages) => usages?.find(({ scope }) => scope === "user")?.current ?? 0,
    );
    const count = of("count-per-hour-tenant")?.current ?? 0;
    const sum = ofUsers.reduce((a, b) => a + b, 0);
    if (sum !== count) {
      throw new Error(`${this.tenant} has used ${String(count)}, its users ${String(sum)}`);
    }
    const token = of("token-per-hour-tenant");
    return { count, token: token?.current ?? 0, held: token?.held ?? 0 };
  }
}

/** A node as others see it. */
export interface Seat {
  /** Among the nodes of the cluster. */
  readonly node: number;
  readonly id: string;
  readonly isUp: boolean;
  /** The id of its master; undefined for a master. */
  readonly follows: string | undefined;
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** Who is what, as a node says: the one that is asked, or any that is up. */
function seats(cluster: RedisCluster, asked?: number): readonly Seat[] {
  if (asked === undefined) {
    for (const node of cluster.nodes.keys()) {
      try {
        return seats(cluster, node);
      } catch {
        continue;
      }
    }
    throw new Error("no node is up");
  }
  const lines = cluster.command(asked, ["CLUSTER", "NODES"]).split("\n");
  return lines.map((line) => {
    const [id = "", address = "", flags = "", master = "", , , , , ...slots] = line.split(" ");
    const port = Number(/:(\d+)@/.exec(address)?.[1]);
    const ranges = slots
      .filter((slot) => !slot.startsWith("["))
      .map((slot) => slot.split("-").map(Number))
      .map(([first = -1, last = first]) => [first, last] as const);
    return {
      node: cluster.nodes.findIndex((node) => node.port === port),
      id,
      isUp: !flags.includes("fail"),
      follows: flags.includes("master") ? undefined : master,
      ranges,
    };
  });
}

export const slotOf = (cluster: RedisCluster, tenant: string): number =>
  Number(cluster.command(0, ["CLUSTER", "KEYSLOT", `{${tenant}}`]));

const holds = ({ ranges }: Seat, slot: number): boolean =>
  ranges.some(([first, last]) => first <= slot && slot <= last);

/** The node that has the slot, and its replica. */
export function pairOf(
  cluster: RedisCluster,
  slot: number,
): { readonly master: Seat; readonly replica: Seat } {
  const all = seats(cluster);
  const master = all.find((seat) => seat.follows === undefined && holds(seat, slot));
  const replica = all.find(({ follows }) => follows !== undefined && follows === master?.id);
  if (master === undefined || replica === undefined) throw new Error("a slot without its nodes");
  return { master, replica };
}

/** Names of tenants that lie on as many different masters. */
export function tenantsApart(cluster: RedisCluster, name: string): readonly string[] {
  const found = new Map<number, string>();
  for (let n = 0; found.size < 3; n += 1) {
    const tenant = `${name}${String(n)}`;
    const { node } = pairOf(cluster, slotOf(cluster, tenant)).master;
    if (!found.has(node)) found.set(node, tenant);
  }
  return [...found.values()];
}

/** A name of a tenant that lies beside the other. */
export function tenantBeside(cluster: RedisCluster, other: string): string {
  const { node } = pairOf(cluster, slotOf(cluster, other)).master;
  for (let n = 0; ; n += 1) {
    const tenant = `${other}-${String(n)}`;
    if (pairOf(cluster, slotOf(cluster, tenant)).master.node === node) return tenant;
  }
}

const asStrings = (keys: unknown): string[] => (Array.isArray(keys) ? keys.map(String) : []);

/** Moves a slot with what is in it to another master, as `redis-cli --cluster reshard` does, key by key. */
export async function moveSlot(
  cluster: RedisCluster,
  slot: number,
  target: Seat,
): Promise<{ readonly keys: number; readonly ms: number }> {
  const source = pairOf(cluster, slot).master;
  const everyMaster = seats(cluster).filter(({ follows }) => follows === undefined);
  const urls = new Map(everyMaster.map(({ node }) => [node, cluster.urls[node] ?? ""]));
  const clients = new Map([...urls].map(([node, url]) => [node, new Redis(url)]));
  const on = async (node: number, ...args: string[]): Promise<unknown> => {
    const [command = "", ...rest] = args;
    return clients.get(node)?.call(command, ...rest);
  };
  const setSlot = ["CLUSTER", "SETSLOT", String(slot)];
  const startedAt = performance.now();
  let moved = 0;
  try {
    await on(target.node, ...setSlot, "IMPORTING", source.id);
    await on(source.node, ...setSlot, "MIGRATING", target.id);
    const port = String(cluster.nodes[target.node]?.port);
    for (;;) {
      const keys = asStrings(await on(source.node, "CLUSTER", "GETKEYSINSLOT", String(slot), "10"));
      if (keys.length === 0) break;
      await on(source.node, "MIGRATE", "127.0.0.1", port, "", "0", "5000", "KEYS", ...keys);
      moved += keys.length;
    }
    const others = everyMaster.map(({ node }) => node).filter((node) => node !== target.node);
    for (const node of [target.node, ...others]) await on(node, ...setSlot, "NODE", target.id);
  } finally {
    for (const client of clients.values()) client.disconnect();
  }
  return { keys: moved, ms: performance.now() - startedAt };
}

/** How often the nodes that are up have answered with an error of this kind since they were started. */
export function errorsOf(cluster: RedisCluster, kind: string): number {
  const alive = seats(cluster).filter(({ isUp }) => isUp);
  const tellings = alive.map(({ node }) => cluster.command(node, ["INFO", "errorstats"]));
  const counts = tellings.map(
    (told) => new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(told)?.[1],
  );
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

const isWell = (cluster: RedisCluster, node: number): boolean => {
  const role = cluster.command(node, ["INFO", "replication"]);
  return (
    cluster.command(node, ["CLUSTER", "INFO"]).includes("cluster_state:ok") &&
    (role.includes("role:master") || role.includes("master_link_status:up"))
  );
};

function isWhole(cluster: RedisCluster): boolean {
  const views = cluster.nodes.map((_, node) => {
    const all = seats(cluster, node).toSorted((a, b) => a.node - b.node);
    const masters = all.filter(({ follows }) => follows === undefined);
    const isComplete = masters.length === 3 && all.every(({ isUp }) => isUp);
    return isComplete ? JSON.stringify(all) : String(node);
  });
  return new Set(views).size === 1 && cluster.nodes.every((_, node) => isWell(cluster, node));
}

/** Waits until three masters have a replica each that has caught up, and all nodes agree on who is who. */
export async function untilWell(cluster: RedisCluster): Promise<void> {
  await until("the cluster is whole", () => {
    try {
      return isWhole(cluster);
    } catch {
      // One that has just been started does not answer yet.
      return false;
    }
  });
}

export const nodeAt = (cluster: RedisCluster, { node }: Seat): RunningServer => {
  const found = cluster.nodes[node];
  if (found === undefined) throw new Error("no such node");
  return found;
};
