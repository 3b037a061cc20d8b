import { fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { fileURLToPath } from "node:url";

import { type Bench, median, spread } from "./harness.ts";

const ROUNDS = 30;
const ANSWERS_PER_ROUND = 20;
const WARM_UP_ROUNDS = 3;
/** Short answers beforehand: what runs once per request is compiled in a server that has been up a while. */
const WARM_UP_ANSWERS = 3000;

const body = JSON.stringify({
  model: "gpt-4o",
  stream: true,
  messages: [{ role: "user", content: "When is low tide in the harbour today, and why then?" }],
});

async function readAnswer(port: number, path: string): Promise<void> {
  const sent = request({ port, path, method: "POST", host: "127.0.0.1" });
  sent.setHeader("Content-Type", "application/json");
  sent.end(body);
  const [answer] = await once(sent, "response");
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${String(answer.statusCode)}`);
  answer.resume();
  await once(answer, "end");
}

/** The processor time a server takes for 2,000-chunk answers, with Tollgate against without. */
async function compareRoutes(framework: string): Promise<void> {
  const script = fileURLToPath(new URL("stream-server.js", import.meta.url));
  const server = fork(script, [framework], { execArgv: ["--expose-gc"] });
  const [{ port }] = await once(server, "message");
  const processorMs = async (): Promise<number> => {
    server.send("usage");
    const [{ user, system }] = await once(server, "message");
    return (Number(user) + Number(system)) / 1000;
  };
  const round = async (path: string): Promise<number> => {
    const before = await processorMs();
    for (let n = 0; n < ANSWERS_PER_ROUND; n += 1) await readAnswer(Number(port), path);
    return ((await processorMs()) - before) / ANSWERS_PER_ROUND;
  };
  for (let n = 0; n < WARM_UP_ANSWERS; n += 1) {
    await readAnswer(Number(port), n % 2 === 0 ? "/plain?short" : "/metered?short");
  }
  const plain: number[] = [];
  const metered: number[] = [];
  for (let n = 0; n < WARM_UP_ROUNDS + ROUNDS; n += 1) {
    const [without, behind] = [await round("/plain"), await round("/metered")];
    if (n < WARM_UP_ROUNDS) continue;
    plain.push(without);
    metered.push(behind);
  }
  server.disconnect();
  const ratios = metered.map((ms, n) => ms / (plain[n] ?? Number.NaN));
  console.log(`${framework}: ${median(ratios).toFixed(3)} × the route alone, target ≤ 1.1`);
  console.log(`    ratio ${spread(ratios, 2)} over ${String(ROUNDS)} rounds`);
  console.log(`    behind Tollgate: ${median(metered).toFixed(2)} ms (${spread(metered, 2)})`);
  console.log(`    route alone: ${median(plain).toFixed(2)} ms (${spread(plain, 2)})`);
}

/** What metering a streamed answer of 2,000 chunks costs. */
export const stream: Bench = {
  express: async () => compareRoutes("express"),
  koa: async () => compareRoutes("koa"),
  fastify: async () => compareRoutes("fastify"),
};
