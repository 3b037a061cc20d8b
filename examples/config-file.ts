/**
 * Limits out of a file that changes while the program runs.
 *
 *     pnpm example examples/config-file.ts
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ConfigFileError, loadConfig, watchConfig } from "@tollgate/config";
import { createLimiter, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

/** @param say told each line */
export function run(say: (line: string) => void = console.log): void {
  // A copy, since the story changes it.
  const folder = mkdtempSync(join(tmpdir(), "tollgate-example-"));
  const path = join(folder, "limits.yaml");
  const original = readFileSync(new URL("limits.yaml", import.meta.url), "utf8");
  writeFileSync(path, original);
  // `env` is `process.env` unless it is given.
  const options = { fileName: "limits.yaml", env: { TOKENS_PER_DAY: "20000" } };

  const limiter = createLimiter({
    ...loadConfig(path, options),
    store: memoryStore({ clock: manualClock().now }),
    onEvent: (event) => {
      if (event.type === "threshold") {
        say(`  event: ${event.limit} has reached ${String(event.threshold)} %`);
      }
      if (event.type === "reconfigured") say("  event: other limits are in force");
    },
  });
  const watch = watchConfig(path, limiter, {
    ...options,
    onError: (error) => {
      if (!(error instanceof ConfigFileError)) throw error;
      for (const line of error.message.split("\n")) say(`  ${line}`);
    },
  });
  const ann = { user: "ann" };
  const spend = (token: number): void => {
    const { outcome, reason } = limiter.checkAndRecord(ann, { count: 1, token });
    say(`  ${String(token)} tokens: ${outcome}${reason === undefined ? "" : `; ${reason}`}`);
  };
  // A change is noticed by itself; `reload` does not wait for that.
  const change = (from: string, to: string): void => {
    writeFileSync(path, original.replace(from, to));
    say(watch.reload() ? "  the file is in force" : "  the limits stay as they were");
  };

  say("Three calls a minute, and as many tokens a day as the environment says");
  for (const tokens of [5000, 5000, 6000, 1000]) spend(tokens);

  say("Somebody raises the first number: what has been used stays used");
  change("limit: 3", "limit: 4");
  spend(1000);
  spend(1000);

  say("A file with mistakes changes nothing, and all of them are told");
  change("limit: 3\n", "limit: three\n      windwo: hour\n");
  spend(1000);

  say("Nor does one that asks for what a running limiter cannot change");
  change("scope: user", "scope: session");

  say("In the end");
  for (const { limit, current, max } of limiter.usage(ann)) {
    say(`  ${limit}: ${String(current)} of ${String(max)} used`);
  }
  watch.close();
  limiter.close();
  rmSync(folder, { recursive: true });
}

if (isMain(import.meta.url)) run();
