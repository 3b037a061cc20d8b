import { createHash } from "node:crypto";

import type { Redis } from "ioredis";

import { postgresBackend, redisBackend, tollgate } from "./stores-backends.ts";
import { figuresOf } from "./stores-compare.ts";
import { callers, type Load, type Round, takeTurns } from "./stores-load.ts";
import { report } from "./stores-report.ts";

/** One counter with an end: the least that a limit can cost in Redis. */
const counter = `
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
if n == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return n`;

const PIPELINED = 32;

const hot = (concurrency: number): Load => ({
  name: `hot, ${String(concurrency)} loops`,
  callers: callers(1, 1),
  concurrency,
});

/** Asks for the counter in pipelines of so many, one pipeline after the other. */
function countPipelined(client: Redis): () => Promise<unknown> {
  const digest = createHash("sha1").update(counter).digest("hex");
  let waiting: (() => void)[] = [];
  const send = async (): Promise<void> => {
    const answered = waiting;
    waiting = [];
    const pipeline = client.pipeline();
    for (let n = 0; n < answered.length; n += 1) pipeline.evalsha(digest, 1, "floor", 1, 60_000);
    for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
    for (const answer of answered) answer();
  };
  // As many loops as there is room in a pipeline: when the last of them asks, it leaves.
  return async () =>
    new Promise((resolve, reject) => {
      waiting.push(() => {
        resolve(undefined);
      });
      if (waiting.length === PIPELINED) send().catch(reject);
    });
}

/** Of the thread that runs the commands, in ms. */
async function mainThreadMs(client: Redis): Promise<number> {
  const told = await client.info("cpu");
  const seconds = (field: string): number =>
    Number(new RegExp(`${field}_main_thread:(\\S+)`).exec(told)?.[1]);
  return (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1000;
}

const serverUsOf = ({ serverUs }: Round): number => serverUs ?? Number.NaN;
const clientUsOf = ({ clientUs }: Round): number => clientUs;
const rateOf = ({ callsPerSecond }: Round): number => callsPerSecond;

/** The time of Redis' main thread per decision, against a counter of its own for each. */
export async function redisFloor(): Promise<void> {
  const backend = await redisBackend();
  const { client } = backend;
  console.log(`${backend.about}; server µs are those of the main thread\n`);
  await client.script("LOAD", counter);
  const ours = tollgate(backend.store);
  const floor = {
    name: `EVALSHA of one counter, pipelined ×${String(PIPELINED)}`,
    decide: countPipelined(client),
  };
  const sides = [
    { decider: ours, load: hot(256) },
    { decider: floor, load: hot(PIPELINED) },
  ];
  const taken = await takeTurns(sides, async () => mainThreadMs(client));
  const [own = [], below = []] = taken;
  const common = {
    about: "redis-floor",
    database: backend.about,
    against: floor.name,
    unit: "µs of processor time",
    better: "lower",
  } as const;
  report({
    ...common,
    title: "server time of a decision over 4 limits, hot, 256 loops",
    own: own.map(serverUsOf),
    other: below.map(serverUsOf),
    target: 1.5,
  });
  report({
    ...common,
    title: "client time of the same",
    own: own.map(clientUsOf),
    other: below.map(clientUsOf),
  });
  console.log(figuresOf([ours, floor], taken));
  await backend.close();
}

const FLOOR_CLIENTS = 32;

/** Decisions per second on one subject, against single-row updates that are as durable. */
export async function postgresFloor(durability: "synchronous" | "asynchronous"): Promise<void> {
  const backend = await postgresBackend(durability, FLOOR_CLIENTS);
  const { client } = backend;
  console.log(`${backend.about}\n`);
  await client.query(
    "CREATE TABLE IF NOT EXISTS bench_counter (id integer PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50)",
  );
  await client.query("INSERT INTO bench_counter VALUES (1, 0) ON CONFLICT DO NOTHING");
  const update = {
    name: "bench-floor",
    text: "UPDATE bench_counter SET n = n + 1 WHERE id = 1 RETURNING n",
  };
  const ours = tollgate(backend.store);
  const floor = { name: "UPDATE of one row, 32 clients", decide: () => client.query(update) };
  const sides = [
    { decider: ours, load: hot(256) },
    { decider: floor, load: hot(FLOOR_CLIENTS) },
  ];
  const taken = await takeTurns(sides, async () => backend.serverMs());
  const [own = [], below = []] = taken;
  report({
    about: `postgres-floor-${durability}`,
    database: backend.about,
    title: "decisions/s over 4 limits, hot, 256 loops",
    against: floor.name,
    unit: "decisions/s",
    own: own.map(rateOf),
    other: below.map(rateOf),
    better: "higher",
    target: 1,
    par: 1,
  });
  console.log(figuresOf([ours, floor], taken));
  await backend.close();
}
