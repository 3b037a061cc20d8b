import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import {
  mariadbServer,
  postgresServer,
  redisCluster,
  redisServer,
  type RedisCluster,
  type RunningServer,
  type ServerKind,
  skipReason,
} from "./index.ts";
import { isAlive } from "./process-tree.ts";
import { becomes } from "./wait.ts";

// Here it is about servers of our own, whatever others should be tested against.
for (const kind of ["REDIS", "POSTGRES", "MARIADB"])
  delete process.env[`TOLLGATE_TEST_${kind}_URL`];

/** Describes what needs a server, or says on which package it waits. */
function describeWith(kind: ServerKind | "redis-cluster", tests: () => void): void {
  const reason = skipReason(`servers, ${kind}`, kind);
  if (reason !== undefined) process.stderr.write(`${reason}\n`);
  (reason === undefined ? describe : describe.skip)(kind, tests);
}

const run = (program: string, args: readonly string[], timeout = 10_000): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: "pipe", timeout }).trim();

type Client = (server: RunningServer, question: string, timeoutMs?: number) => string;

const redis: Client = ({ port }, command, timeoutMs) =>
  run("redis-cli", ["-p", String(port), ...command.split(" ")], timeoutMs);

const psql: Client = ({ url }, sql, timeoutMs) => run("psql", [url, "-qtAc", sql], timeoutMs);

const mariadb: Client = ({ url }, sql, timeoutMs) => {
  const { hostname, port, username, password, pathname } = new URL(url);
  const account = ["-u", username, `-p${password}`, "-D", pathname.slice(1)];
  const place = ["--no-defaults", "-h", hostname, "-P", port];
  return run("mariadb", [...place, ...account, "-Ne", sql], timeoutMs);
};

const kinds = [
  {
    kind: "redis",
    start: async () => redisServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] }),
    ask: redis,
    write: "SET kept 42",
    read: "GET kept",
    where: "CONFIG GET dir",
  },
  {
    kind: "postgres",
    start: async () => postgresServer({ settings: { max_connections: "20" } }),
    ask: psql,
    write: "CREATE TABLE kept AS SELECT 42 AS value",
    read: "SELECT value FROM kept",
    where: "SHOW data_directory",
  },
  {
    kind: "mariadb",
    start: async () => mariadbServer({ settings: { "max-connections": "20" } }),
    ask: mariadb,
    write: "CREATE TABLE kept AS SELECT 42 AS value",
    read: "SELECT value FROM kept",
    where: "SELECT @@datadir",
  },
] as const;

for (const { kind, start, ask, write, read, where } of kinds) {
  describeWith(kind, () => {
    let server: RunningServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(async () => server.stop());

    test("keeps its data and its address when it is killed and started again", async () => {
      const { url, pid } = server;
      ask(server, write);
      await server.kill();
      expect(isAlive(Number(pid))).toBe(false);
      expect(() => ask(server, read)).toThrow(/refused|connect/i);

      await server.restart();
      expect(ask(server, read)).toBe("42");
      expect(server.url).toBe(url);
      expect(server.pid).not.toBe(pid);
    });

    test("does not answer while it is held, and does afterwards", () => {
      server.pause();
      expect(() => ask(server, read, 300)).toThrow(/ETIMEDOUT/);
      server.resume();
      expect(ask(server, read)).toBe("42");
    });

    test("leaves neither process nor folder when it is stopped", async () => {
      const { pid } = server;
      const folder = ask(server, where).split("\n").at(-1) ?? "";
      expect(existsSync(folder)).toBe(true);
      await server.stop();
      expect(isAlive(Number(pid))).toBe(false);
      expect(existsSync(folder)).toBe(false);
    });
  });
}

test("a given server is used, and cannot be ended", async () => {
  process.env["TOLLGATE_TEST_POSTGRES_URL"] = "postgres://me@db.example/mine";
  const server = await postgresServer();
  delete process.env["TOLLGATE_TEST_POSTGRES_URL"];
  expect(server).toMatchObject({ own: false, port: 5432, url: "postgres://me@db.example/mine" });
  await expect(server.kill()).rejects.toThrow("TOLLGATE_TEST_POSTGRES_URL");
  expect(() => server.pause()).toThrow("TOLLGATE_TEST_POSTGRES_URL");
  await server.stop();
});

describeWith("redis", () => {
  test("a start that fails says what the server said, and leaves nothing", async () => {
    await expect(redisServer({ args: ["--no-such-option", "1"] })).rejects.toThrow(
      /ended instead of starting[^]*no-such-option/,
    );
  });

  test("ends with the process that started it, even if that is killed", async () => {
    const program = `
      import { redisServer } from "@tollgate/servers";
      console.log(JSON.stringify(await redisServer()));
      setInterval(() => {}, 1_000);
    `;
    const flags = ["--import", "tsx", "--conditions", "@tollgate/source", "--input-type", "module"];
    const starter = spawn(process.execPath, [...flags, "--eval", program], {
      // From where the package finds itself by its name.
      cwd: join(__dirname, ".."),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(starter.stdout, "data");
    const server: RunningServer = JSON.parse(String(line));
    const folder = redis(server, "CONFIG GET dir").split("\n").at(-1) ?? "";
    expect(existsSync(folder)).toBe(true);
    starter.kill("SIGKILL");
    expect(await becomes(() => !isAlive(Number(server.pid)) && !existsSync(folder))).toBe(true);
  });
});

describeWith("redis-cluster", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await redisCluster();
  });
  afterAll(async () => cluster.stop());

  test("a replica takes over from a master that is gone", async () => {
    expect(cluster.command(1, ["-c", "SET", "kept", "42"])).toBe("OK");
    expect(cluster.command(1, ["-c", "GET", "kept"])).toBe("42");
    expect(cluster.command(3, ["INFO", "replication"])).toContain("role:slave");
    await cluster.nodes[0]?.kill();
    const tookOver = await becomes(() =>
      cluster.command(3, ["INFO", "replication"]).includes("role:master"),
    );
    expect(tookOver).toBe(true);
  });
});
