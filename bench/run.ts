import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { decision } from "./decision.ts";
import { estimate } from "./estimate.ts";
import { type Bench, environment } from "./harness.ts";
import { memory } from "./memory.ts";
import { replays } from "./replay.ts";
import { findingsVariable, summarize } from "./stores-report.ts";
import { stores } from "./stores.ts";
import { stream } from "./stream.ts";

const benches: ReadonlyMap<string, Bench> = new Map([
  ["decision", decision],
  ["estimate", estimate],
  ["memory", memory],
  ["replay", replays],
  ["stores", stores],
  ["stream", stream],
]);

/** Each case in a process of its own: V8 optimises for all it has seen, and the heap starts empty. */
function runApart(bench: string, name: string, findings: string): void {
  const script = fileURLToPath(import.meta.url);
  const { status } = spawnSync(process.execPath, [...process.execArgv, script, bench, name], {
    stdio: "inherit",
    env: { ...process.env, [findingsVariable]: findings },
  });
  if (status !== 0) process.exitCode = 1;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" } },
});
const [only, name] = positionals;
if (only !== undefined && !benches.has(only)) {
  throw new Error(`no bench "${only}": there are ${[...benches.keys()].join(" and ")}`);
}
if (only !== undefined && name !== undefined) {
  const run = benches.get(only)?.[name];
  if (run === undefined) throw new Error(`bench "${only}" has no case "${name}"`);
  const { json } = values;
  if (json !== undefined) {
    writeFileSync(json, "");
    process.env[findingsVariable] = json;
  }
  await run();
  // express-rate-limit keeps a timer.
  process.exit();
}

console.log(environment());
const folder = mkdtempSync(join(tmpdir(), "tollgate-bench-"));
const findings = join(folder, "findings.jsonl");
writeFileSync(findings, "");
for (const [bench, cases] of benches) {
  if (only !== undefined && only !== bench) continue;
  console.log(`\n${bench}`);
  for (const name of Object.keys(cases)) runApart(bench, name, findings);
}
summarize(findings);
if (values.json !== undefined) copyFileSync(findings, values.json);
rmSync(folder, { recursive: true });
