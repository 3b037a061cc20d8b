import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { buildSync } from "esbuild";

import type { Message, Order } from "./worker.ts";

// In one file, since compiling it anew would take each of these many processes longer than its work.
const program = join(import.meta.dirname, `../dist/worker-${String(process.pid)}.mjs`);

let isBuilt = false;

function build(): void {
  if (isBuilt) return;
  buildSync({
    entryPoints: [join(import.meta.dirname, "worker.ts")],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@tollgate/source"],
    external: ["better-sqlite3", "ioredis", "mysql2", "pg", "postgres", "redis"],
  });
  isBuilt = true;
}

/** Processes that share a store. */
export class Fleet {
  readonly #workers: readonly ChildProcess[];
  #orders = 0;

  /** @param environments of each process, beside that of this one: as many processes */
  constructor(environments: readonly Readonly<Record<string, string>>[]) {
    build();
    this.#workers = environments.map((env) =>
      fork(program, [], {
        execArgv: [],
        env: { ...process.env, ...env },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
  }

  /** Tells all of them the same, at the same time, and waits for what they answer. */
  async order<T>(order: Order): Promise<T[]> {
    return Promise.all(this.#workers.map((_, index) => this.orderOne<T>(index, order)));
  }

  async orderOne<T>(index: number, order: Order): Promise<T> {
    const worker = this.#worker(index);
    this.#orders += 1;
    const id = this.#orders;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        worker.off("message", listen);
        worker.off("exit", leave);
      };
      const listen = (message: Message<T>): void => {
        if (message.id !== id) return;
        stop();
        // An answer of nothing does not arrive as such.
        if ("error" in message) reject(new Error(message.error));
        else resolve(message.answer);
      };
      const leave = (): void => {
        stop();
        reject(new Error(`process ${String(index)} ended`));
      };
      worker.on("message", listen);
      worker.on("exit", leave);
      worker.send({ id, order });
    });
  }

  /** Counts what a process tells of on its own account, until it ends. */
  count(index: number, counted: (total: number) => void): void {
    let total = 0;
    this.#worker(index).on("message", ({ id }: Message<unknown>) => {
      if (id !== undefined) return;
      total += 1;
      counted(total);
    });
  }

  /** Ends one as a crash would. */
  async kill(index: number): Promise<void> {
    const worker = this.#worker(index);
    const gone = once(worker, "exit");
    worker.kill("SIGKILL");
    await gone;
  }

  async close(): Promise<void> {
    const running = this.#workers.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    await Promise.all(
      running.map(async (worker) => {
        const gone = once(worker, "exit");
        worker.send({ id: 0, order: { kind: "close" } satisfies Order });
        await gone;
      }),
    );
  }

  #worker(index: number): ChildProcess {
    const worker = this.#workers[index];
    if (worker === undefined) throw new RangeError(`there is no process ${String(index)}`);
    return worker;
  }
}
