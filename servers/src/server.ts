import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { account, giveTo } from "./account.ts";
import { guard } from "./guard.ts";
import { freePort } from "./ports.ts";
import { children, isAlive, send } from "./process-tree.ts";
import { startProcess, type Blueprint, type Running } from "./process.ts";
import { becomes } from "./wait.ts";

/** A database server that listens on loopback. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Of the running or last process; none where the server is somebody else's. */
  readonly pid: number | undefined;
  /** Whether we started it, and so may end it. */
  readonly own: boolean;
  /**
   * Ends it, waits until it is gone, and keeps its data.
   * @default "SIGKILL"
   */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, ending it first if need be, with the same port and data; waits until it answers. */
  restart(): Promise<void>;
  /** Holds it, and what it has started, where it is: connections stay, answers do not come. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const attempts = 5;

async function end(signal: NodeJS.Signals, running: Running): Promise<void> {
  const { pid } = running;
  // Whoever is killed does not end its own children. Held first, so that it starts no more of them.
  if (signal === "SIGKILL") send(pid, "SIGSTOP");
  const family = children(pid);
  send(pid, signal);
  if (signal === "SIGKILL") for (const child of family) send(child, signal);
  await running.untilEnded();
  await becomes(() => !family.some(isAlive));
}

/** Starts a server in a new folder and on a free port. */
export async function startServer(blueprint: Blueprint): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), `tollgate-${blueprint.kind}-`));
  giveTo(account(), folder);
  const guardian = guard(folder, blueprint.stopSignal);
  const clean = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    guardian.dismiss();
  };

  let port = 0;
  let running: Running | undefined;

  async function start(): Promise<void> {
    running = await startProcess(blueprint, { folder, port }, guardian.watch);
  }

  try {
    await blueprint.prepare?.(folder);
    for (let attempt = 1; running === undefined; attempt++) {
      port = await freePort();
      try {
        await start();
      } catch (error) {
        const taken = error instanceof Error && /address already in use/i.test(error.message);
        if (!taken || attempt === attempts) throw error;
      }
    }
  } catch (error) {
    await clean();
    throw error;
  }

  let stopped: Promise<void> | undefined;
  const each = (signal: NodeJS.Signals): void => {
    if (running === undefined || running.hasEnded()) return;
    const { pid } = running;
    send(pid, signal);
    for (const child of children(pid)) send(child, signal);
  };

  const server: RunningServer = {
    url: blueprint.url(port),
    port,
    get pid() {
      return running?.pid;
    },
    own: true,
    async kill(signal = "SIGKILL") {
      if (running !== undefined && !running.hasEnded()) await end(signal, running);
    },
    async restart() {
      if (stopped !== undefined) throw new Error(`this ${blueprint.kind} server has been stopped`);
      await server.kill();
      await start();
    },
    pause: () => each("SIGSTOP"),
    resume: () => each("SIGCONT"),
    async stop() {
      stopped ??= (async () => {
        each("SIGCONT");
        await server.kill(blueprint.stopSignal);
        await clean();
      })();
      return stopped;
    },
  };
  return server;
}
