import { programs } from "./availability.ts";
import { givenServer } from "./given.ts";
import { ask } from "./resp.ts";
import { startServer, type RunningServer } from "./server.ts";

export interface RedisServerOptions {
  /** More of the command line, such as `["--appendonly", "yes"]`. */
  readonly args?: readonly string[];
}

/** A Redis server of our own, without persistence unless the arguments ask for it. */
export async function ownRedisServer(args: readonly string[]): Promise<RunningServer> {
  const { program } = programs("redis");
  return startServer({
    kind: "redis",
    command({ folder, port }) {
      const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
      return [program, ...place, "--save", "", ...args];
    },
    answers: async ({ port }, pid) => {
      const state = await ask(port, "INFO");
      return state.includes(`process_id:${pid}\r\n`) && state.includes("loading:0\r\n");
    },
    url: (port) => `redis://127.0.0.1:${port}/0`,
    stopSignal: "SIGKILL",
  });
}

/** A Redis server, empty unless `TOLLGATE_TEST_REDIS_URL` names one. */
export async function redisServer({ args = [] }: RedisServerOptions = {}): Promise<RunningServer> {
  return givenServer("redis") ?? ownRedisServer(args);
}
