import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { programs } from "./availability.ts";
import { givenServer } from "./given.ts";
import { startServer, type RunningServer } from "./server.ts";
import { greets } from "./tcp.ts";
import { copyTemplate, run, type Recipe } from "./template.ts";

export interface PostgresServerOptions {
  /** Settings of the server, by the names of `postgresql.conf`. What is not named stays at PostgreSQL's default. */
  readonly settings?: Readonly<Record<string, string>>;
}

const name = "tollgate";

function recipe(): Recipe {
  const { program, folder, version } = programs("postgres");
  return {
    key: `1 ${program} ${version}`,
    async make(data) {
      const password = `${data}.password`;
      await writeFile(password, name, { mode: 0o644 });
      const access = ["-U", name, "--pwfile", password, "-A", "scram-sha-256"];
      const form = ["--no-sync", "--encoding=UTF8", "--locale=C"];
      await run(join(folder, "initdb"), ["-D", data, ...access, ...form], { cwd: "/" });
      await rm(password);
      const alone = ["--single", "-D", data, "-c", "fsync=off", "postgres"];
      await run(program, alone, { cwd: "/", input: `CREATE DATABASE ${name}\n` });
    },
  };
}

/** The server notes its own state in a file: whether it is up yet, and which process it is. */
function isReady(data: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return lines[0] === String(pid) && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

/** A PostgreSQL server with an empty database, or the one that `TOLLGATE_TEST_POSTGRES_URL` names. */
export async function postgresServer({
  settings = {},
}: PostgresServerOptions = {}): Promise<RunningServer> {
  const given = givenServer("postgres");
  if (given !== undefined) return given;
  const { program } = programs("postgres");
  return startServer({
    kind: "postgres",
    prepare: async (folder) => copyTemplate(recipe(), join(folder, "data")),
    command({ folder, port }) {
      const all = {
        listen_addresses: "127.0.0.1",
        port: String(port),
        // None: a path there may have 107 characters at most, and a temporary folder's can be longer.
        unix_socket_directories: "",
        max_connections: "200",
        ...settings,
      };
      const flags = Object.entries(all).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
      return [program, "-D", join(folder, "data"), ...flags];
    },
    answers: async ({ folder, port }, pid) =>
      isReady(join(folder, "data"), pid) && greets(port, false),
    url: (port) => `postgres://${name}:${name}@127.0.0.1:${port}/${name}`,
    // "Immediate shutdown". SIGKILL would leave its shared memory behind.
    stopSignal: "SIGQUIT",
  });
}
