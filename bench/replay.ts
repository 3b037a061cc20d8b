import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Bench } from "./harness.ts";
import { tableOf } from "./trace-score.ts";
import { conversation, readTrace, replay, rules, shortPrompts, type Workload } from "./trace.ts";

// From `dist`, where benches run.
const file = fileURLToPath(
  new URL("../../../shared/data/azure-llm-trace-2023-conversation.csv", import.meta.url),
);

const report = (workloadOf: (calls: Workload["calls"]) => Workload) => (): void => {
  if (!existsSync(file)) {
    console.log("SKIPPED: needs the shared trace");
    return;
  }
  const workload = workloadOf(readTrace(readFileSync(file, "utf8")));
  console.log(tableOf(rules.map((rule) => replay(workload, rule))));
};

/** How well limits are used, and how far overshot, by what is held for an answer. */
export const replays: Bench = {
  conversation: report(conversation),
  "short-prompts": report(shortPrompts),
};
