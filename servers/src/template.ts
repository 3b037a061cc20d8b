import { execFile, type ExecFileOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, lstatSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { account, giveTo } from "./account.ts";

const execute = promisify(execFile);

/** How to make a data folder that is ready to be served. */
export interface Recipe {
  /** Whatever another data folder would follow from. */
  readonly key: string;
  readonly make: (folder: string) => Promise<void>;
}

/** Runs a program as the servers do; its input ends at once or after `input`. */
export async function run(
  program: string,
  args: readonly string[],
  { input = "", ...options }: ExecFileOptions & { readonly input?: string } = {},
): Promise<void> {
  const running = execute(program, args, { ...account(), ...options });
  // One that has ended without reading it says why itself.
  running.child.stdin?.on("error", () => undefined);
  running.child.stdin?.end(input);
  await running;
}

/** Initialising a database takes seconds, copying one a moment: made once on a machine, and kept. */
async function template({ key, make }: Recipe): Promise<string> {
  const owner = account().uid ?? userInfo().uid;
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const place = join(tmpdir(), `tollgate-template-${owner}-${digest}`);
  // Anybody may write to the folder of temporary files: what another user has put there is not a template.
  if (existsSync(place)) {
    if (lstatSync(place).uid === owner) return place;
    throw new Error(`${place} is not ours: remove it`);
  }
  const draft = mkdtempSync(`${place}-`);
  giveTo(account(), draft);
  try {
    await make(draft);
    renameSync(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(place)) throw error;
  }
  return place;
}

/** Puts a fresh data folder at `target`, which must not exist. */
export async function copyTemplate(recipe: Recipe, target: string): Promise<void> {
  await run("cp", ["-R", "-p", await template(recipe), target], { cwd: "/" });
}
