import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { programs } from "./availability.ts";
import { ownRedisServer } from "./redis.ts";
import { ask } from "./resp.ts";
import type { RunningServer } from "./server.ts";
import { becomes } from "./wait.ts";

export interface RedisCluster {
  /** Three that begin as masters, then their three replicas in the same order. */
  readonly nodes: readonly RunningServer[];
  readonly urls: readonly string[];
  /** Runs a command on one node with redis-cli, and returns what it prints. */
  command(node: number, args: readonly string[]): string;
  stop(): Promise<void>;
}

const slots = 16_384;
const masters = 3;

const settings = {
  "cluster-enabled": "yes",
  "cluster-config-file": "nodes.conf",
  // How long a node may be silent before it counts as dead and its replica takes over.
  "cluster-node-timeout": "2000",
  // A replica is usually made to wait 5 s, in case another one comes that could share the transfer.
  "repl-diskless-sync-delay": "0",
} as const;
const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);

async function stopAll(nodes: readonly RunningServer[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => node.stop()));
}

async function startNodes(): Promise<readonly RunningServer[]> {
  const starts = await Promise.allSettled(
    Array.from({ length: 2 * masters }, async () => ownRedisServer(options)),
  );
  const nodes = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  for (const start of starts) {
    if (start.status === "fulfilled") continue;
    await stopAll(nodes);
    throw start.reason;
  }
  return nodes;
}

/** Sends a command, and fails unless the node does it. */
async function order({ port }: RunningServer, command: string): Promise<void> {
  const answer = await ask(port, command);
  if (!answer.startsWith("+OK")) throw new Error(`redis: ${command}: ${answer}`);
}

async function eachSays(
  nodes: readonly RunningServer[],
  command: string,
  claim: RegExp,
): Promise<boolean> {
  const answers = await Promise.all(nodes.map(async ({ port }) => ask(port, command)));
  return answers.every((answer) => claim.test(answer));
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  if (!(await becomes(isSo))) throw new Error(`the Redis cluster did not get to "${what}" in time`);
}

/** What `redis-cli --cluster create` does, which would choose itself who follows whom, and sleeps in between. */
async function form(nodes: readonly RunningServer[]): Promise<void> {
  const [first] = nodes;
  if (first === undefined) return;
  for (const [index, node] of nodes.entries()) {
    // Different from the beginning, so that nodes do not have to agree first on whose view is the newer one.
    await order(node, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`);
    if (index > 0) await order(node, `CLUSTER MEET 127.0.0.1 ${first.port}`);
    if (index >= masters) continue;
    const [from, to] = [index, index + 1].map((part) => Math.floor((slots * part) / masters));
    await order(node, `CLUSTER ADDSLOTSRANGE ${from} ${Number(to) - 1}`);
  }

  const replicas = nodes.slice(masters);
  for (const [index, replica] of replicas.entries()) {
    const master = nodes[index];
    // The answer is a length and then the id.
    const id = master && (await ask(master.port, "CLUSTER MYID")).split("\r\n")[1];
    // Refused until the two have heard of each other.
    const follow = async (): Promise<boolean> =>
      (await ask(replica.port, `CLUSTER REPLICATE ${id}`)).startsWith("+OK");
    await until("nodes know each other", follow);
  }
  const attached = /master_link_status:up\r/;
  await until("replicas attached", async () => eachSays(replicas, "INFO replication", attached));
  const followers = new RegExp(`(slave[^]*){${replicas.length}}`);
  await until("replicas known", async () => eachSays(nodes, "CLUSTER NODES", followers));
  await until("state ok", async () => eachSays(nodes, "CLUSTER INFO", /cluster_state:ok\r/));
}

/** A Redis Cluster of our own: three masters, each with a replica that takes over when it is gone for two seconds. */
export async function redisCluster(): Promise<RedisCluster> {
  const cli = join(programs("redis").folder, "redis-cli");
  const nodes = await startNodes();
  try {
    await form(nodes);
  } catch (error) {
    await stopAll(nodes);
    throw error;
  }
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    command(node, args) {
      const port = String(nodes[node]?.port);
      const output = { encoding: "utf8", stdio: "pipe" } as const;
      return execFileSync(cli, ["-e", "-p", port, ...args], output).trimEnd();
    },
    stop: async () => stopAll(nodes),
  };
}
