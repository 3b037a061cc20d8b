import { readFileSync } from "node:fs";
import { join } from "node:path";

import { programs } from "./availability.ts";
import { givenServer } from "./given.ts";
import { startServer, type RunningServer } from "./server.ts";
import { greets } from "./tcp.ts";
import { copyTemplate, run, type Recipe } from "./template.ts";

export interface MariadbServerOptions {
  /** Settings of the server, by the names of `my.cnf`. What is not named stays at MariaDB's default. */
  readonly settings?: Readonly<Record<string, string>>;
}

const name = "tollgate";

// Grants are not loaded yet when this runs, until they are flushed.
const setUp = `
FLUSH PRIVILEGES;
CREATE DATABASE ${name} CHARACTER SET utf8mb4;
CREATE USER '${name}'@'127.0.0.1' IDENTIFIED BY '${name}';
GRANT ALL PRIVILEGES ON *.* TO '${name}'@'127.0.0.1';
`;

function recipe(): Recipe {
  const { program, folder, version } = programs("mariadb");
  return {
    key: `2 ${program} ${version}`,
    async make(data) {
      const access = ["--auth-root-authentication-method=normal", "--skip-name-resolve"];
      const initialise = ["--no-defaults", `--datadir=${data}`, "--skip-test-db", ...access];
      await run(join(folder, "mariadb-install-db"), initialise, { cwd: "/" });
      const alone = ["--no-defaults", `--datadir=${data}`, "--bootstrap"];
      await run(program, alone, { cwd: "/", input: setUp });
    },
  };
}

/** It writes its process into a file when it is about to listen. */
function isUp(folder: string, pid: number): boolean {
  try {
    return readFileSync(join(folder, "pid"), "utf8").trim() === String(pid);
  } catch {
    return false;
  }
}

/** A MariaDB server with an empty database, or the one that `TOLLGATE_TEST_MARIADB_URL` names. */
export async function mariadbServer({
  settings = {},
}: MariadbServerOptions = {}): Promise<RunningServer> {
  const given = givenServer("mariadb");
  if (given !== undefined) return given;
  const { program } = programs("mariadb");
  return startServer({
    kind: "mariadb",
    prepare: async (folder) => copyTemplate(recipe(), join(folder, "data")),
    command({ folder, port }) {
      const all = {
        datadir: join(folder, "data"),
        port: String(port),
        "bind-address": "127.0.0.1",
        socket: join(folder, "socket"),
        "pid-file": join(folder, "pid"),
        "max-connections": "200",
        // As the packages of all distributions set it; the program itself still says latin1.
        "character-set-server": "utf8mb4",
        ...settings,
      };
      const flags = Object.entries(all).map(([key, value]) => `--${key}=${value}`);
      return [program, "--no-defaults", "--skip-name-resolve", ...flags];
    },
    answers: async ({ folder, port }, pid) => isUp(folder, pid) && greets(port, true),
    url: (port) => `mysql://${name}:${name}@127.0.0.1:${port}/${name}`,
    stopSignal: "SIGKILL",
  });
}
