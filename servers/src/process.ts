import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { account } from "./account.ts";
import type { ServerKind } from "./availability.ts";
import { becomes } from "./wait.ts";

/** Where a server runs. */
export interface Place {
  readonly folder: string;
  readonly port: number;
}

/** How to start one kind of server. */
export interface Blueprint {
  readonly kind: ServerKind;
  /** Puts into the folder what the server expects there. */
  readonly prepare?: (folder: string) => Promise<void>;
  readonly command: (place: Place) => readonly [program: string, ...args: string[]];
  /** Whether this very process answers: another server may have got the port first. */
  readonly answers: (place: Place, pid: number) => Promise<boolean>;
  readonly url: (port: number) => string;
  /** Ends it quickly, and without leaving anything behind outside of its folder. */
  readonly stopSignal: NodeJS.Signals;
}

export interface Running {
  readonly pid: number;
  readonly untilEnded: () => Promise<void>;
  readonly hasEnded: () => boolean;
}

const tail = (log: string): string =>
  readFileSync(log, "utf8").trimEnd().split("\n").slice(-20).join("\n");

/** Starts the process and waits until it answers; says which one it is, and 0 when it has ended. */
export async function startProcess(
  blueprint: Blueprint,
  place: Place,
  onPid: (pid: number) => void,
): Promise<Running> {
  const log = join(place.folder, "server.log");
  // Emptied, so that a failure shows why this start failed and not an earlier one.
  const output = openSync(log, "w");
  const [program, ...args] = blueprint.command(place);
  const child = spawn(program, args, {
    ...account(),
    cwd: place.folder,
    env: { PATH: process.env["PATH"], HOME: place.folder, LC_ALL: "C", TZ: process.env["TZ"] },
    stdio: ["ignore", output, output],
    // Ctrl-C is for the tests; who ends the servers is the guard.
    detached: true,
  });
  closeSync(output);
  child.unref();

  let gone = false;
  const ended = new Promise<void>((resolve) => {
    const settle = (): void => {
      gone = true;
      onPid(0);
      resolve();
    };
    child.once("exit", settle);
    child.once("error", settle);
  });
  const untilEnded = async (): Promise<void> => {
    // Whoever waits for it is kept from exiting, as nobody else is.
    if (!gone) child.ref();
    return ended;
  };
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  onPid(pid);

  const came = await becomes(async () => gone || blueprint.answers(place, pid));
  if (!came || gone) {
    child.kill("SIGKILL");
    await untilEnded();
    const how = came ? "ended instead of starting" : "did not answer in time";
    throw new Error(`${program} ${how}; its log:\n${tail(log)}`);
  }
  return { pid, untilEnded, hasEnded: () => gone };
}
