import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

import { givenUrl } from "./given.ts";

export type ServerKind = "redis" | "postgres" | "mariadb";

/** A server program, and the folder it is in, where its companions are. */
export interface Found {
  readonly program: string;
  readonly folder: string;
  readonly version: string;
}

const onPath = (): readonly string[] =>
  (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);

/** Debian keeps PostgreSQL off the path, one folder for each version: newest first. */
function postgresFolders(): readonly string[] {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(root, version, "bin"));
}

const kinds = {
  redis: {
    package: "redis-server",
    programs: ["redis-server"],
    companion: "redis-cli",
    folders: onPath,
    says: /Redis server v=\S+/,
  },
  postgres: {
    package: "postgresql",
    programs: ["postgres"],
    companion: "initdb",
    folders: () => [...postgresFolders(), ...onPath()],
    says: /^postgres \(PostgreSQL\) \S+/,
  },
  mariadb: {
    package: "mariadb-server",
    programs: ["mariadbd", "mysqld"],
    companion: "mariadb-install-db",
    // Where servers are kept, which only root has on the path.
    folders: () => [...onPath(), "/usr/sbin", "/usr/local/sbin"],
    says: /\S+-MariaDB/,
  },
} as const;

/** What the program says it is: another program may have the name. */
function version(program: string, says: RegExp): string | undefined {
  try {
    const said = execFileSync(program, ["--version"], { encoding: "utf8", stdio: "pipe" });
    return says.exec(said)?.[0];
  } catch {
    return undefined;
  }
}

const found = new Map<ServerKind, Found>();

function look(kind: ServerKind): Found | undefined {
  const { programs, companion, folders, says } = kinds[kind];
  const apart = [...folders(), "/usr/bin", "/usr/local/bin"];
  for (const folder of folders()) {
    // MariaDB's initialiser is in another folder than the server; PostgreSQL's beside it, and of the same version.
    const companions = kind === "mariadb" ? apart : [folder];
    const beside = companions.find((place) => existsSync(join(place, companion)));
    if (beside === undefined) continue;
    for (const name of programs) {
      const program = join(folder, name);
      const answer = existsSync(program) ? version(program, says) : undefined;
      if (answer !== undefined) return { program, folder: beside, version: answer };
    }
  }
  return undefined;
}

function find(kind: ServerKind): Found | undefined {
  const known = found.get(kind) ?? look(kind);
  if (known !== undefined) found.set(kind, known);
  return known;
}

/** The programs of a kind, or an error that names the package to install. */
export function programs(kind: ServerKind): Found {
  const known = find(kind);
  if (known === undefined)
    throw new Error(`${kind} is not installed: needs ${kinds[kind].package}`);
  return known;
}

/** The Debian package to install before a server of this kind can be started, if any. */
export function missingPackage(kind: ServerKind): string | undefined {
  if (givenUrl(kind) !== undefined || find(kind) !== undefined) return undefined;
  return kinds[kind].package;
}

/** What a suite prints instead of running. A cluster is always our own, whatever server is given. */
export function skipReason(suite: string, kind: ServerKind | "redis-cluster"): string | undefined {
  const missing =
    kind !== "redis-cluster"
      ? missingPackage(kind)
      : find("redis") === undefined
        ? kinds.redis.package
        : undefined;
  return missing === undefined ? undefined : `SKIPPED: ${suite}, needs ${missing}`;
}
