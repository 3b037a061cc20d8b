import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { decision } from "./decision.ts";
import { estimate } from "./estimate.ts";
import { type Bench, environment } from "./harness.ts";
import { memory } from "./memory.ts";
import { replays } from "./replay.ts";
import { stream } from "./stream.ts";

const benches: ReadonlyMap<string, Bench> = new Map([
  ["decision", decision],
  ["estimate", estimate],
  ["memory", memory],
  ["replay", replays],
  ["stream", stream],
]);

/** Each case in a process of its own: V8 optimises for all it has seen, and the heap starts empty. */
function runApart(bench: string, name: string): void {
  const script = fileURLToPath(import.meta.url);
  const { status } = spawnSync(process.execPath, [...process.execArgv, script, bench, name], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}

const [only, name] = process.argv.slice(2);
if (only !== undefined && !benches.has(only)) {
  throw new Error(`no bench "${only}": there are ${[...benches.keys()].join(" and ")}`);
}
if (only !== undefined && name !== undefined) {
  const run = benches.get(only)?.[name];
  if (run === undefined) throw new Error(`bench "${only}" has no case "${name}"`);
  await run();
  // express-rate-limit keeps a timer.
  process.exit();
}

console.log(environment());
for (const [bench, cases] of benches) {
  if (only !== undefined && only !== bench) continue;
  console.log(`\n${bench}`);
  for (const name of Object.keys(cases)) runApart(bench, name);
}
