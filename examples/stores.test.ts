import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "@jest/globals";
import { mariadbServer, postgresServer, redisServer, skipReason } from "@tollgate/servers";
import SqliteDatabase from "better-sqlite3";

import { type Database, temporaryFile } from "./database.ts";
import { run as runMoving } from "./moving-stores.ts";
import { run as runMysql } from "./mysql-store.ts";
import { run as runPostgres } from "./postgres-store.ts";
import { run as runRedis } from "./redis-store.ts";
import { run as runSqlite } from "./sqlite-store.ts";

/** Why the addon of better-sqlite3 cannot be used, if it cannot. */
function sqliteFailure(): string | undefined {
  try {
    new SqliteDatabase(":memory:").close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
}

const noSqlite = sqliteFailure();
const withoutSqlite = (suite: string): string | undefined =>
  noSqlite === undefined ? undefined : `SKIPPED: ${suite}, better-sqlite3: ${noSqlite}`;

/** Runs a suite, or says aloud why it cannot be run. */
function describeUnless(reason: string | undefined, name: string, define: () => void): void {
  if (reason !== undefined) process.stderr.write(`${reason}\n`);
  (reason === undefined ? describe : describe.skip)(name, define);
}

/** What an example prints on databases that are gone afterwards. */
async function linesOn(
  databases: readonly Database[],
  run: (urls: readonly string[], say: (line: string) => void) => Promise<void>,
): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    const urls = databases.map(({ url }) => url);
    await run(urls, (line) => lines.push(line));
    return lines;
  } finally {
    await Promise.all(databases.map(async ({ stop }) => stop()));
  }
}

const shared = [
  "Ann asks for up to 1,200 tokens, and uses 700",
  "  count-per-minute-user: 1 of 60",
  "  token-per-month-tenant: 700 of 20000000",
  "Two processes send 50 calls each, at the same time",
  "  59 admitted, 41 refused",
  "What one reserves, the other sees and settles; once, however often it is told to",
  "  open: holds 1200 tokens",
  "  settled at 900 tokens, now",
  "  settled at 900 tokens, before",
  "  0 open",
  "In the end both see the same",
  "  count-per-minute-user: 60 of 60",
  "  token-per-month-tenant: 1600 of 20000000",
];

const onServers = [
  { file: "redis-store.ts", kind: "redis", start: redisServer, run: runRedis },
  { file: "postgres-store.ts", kind: "postgres", start: postgresServer, run: runPostgres },
  { file: "mysql-store.ts", kind: "mariadb", start: mariadbServer, run: runMysql },
] as const;

for (const { file, kind, start, run } of onServers) {
  describeUnless(skipReason(`examples/${file}`, kind), `examples/${file}`, () => {
    test("shares one budget between two processes", async () => {
      const lines = await linesOn([await start()], ([url = ""], say) => run(url, say));
      expect(lines).toEqual(shared);
    });
  });
}

describeUnless(withoutSqlite("examples/sqlite-store.ts"), "examples/sqlite-store.ts", () => {
  test("shares one budget between two processes", async () => {
    const lines = await linesOn([temporaryFile("usage.db")], ([file = ""], say) =>
      runSqlite(file, say),
    );
    expect(lines).toEqual(shared);
  });
});

describeUnless(
  skipReason("examples/moving-stores.ts", "redis") ?? withoutSqlite("examples/moving-stores.ts"),
  "examples/moving-stores.ts",
  () => {
    test("keeps usage and an open reservation from memory to SQLite to Redis", async () => {
      const databases = [await redisServer(), temporaryFile("usage.db")];
      const lines = await linesOn(databases, ([url = "", file = ""], say) =>
        runMoving(url, file, say),
      );
      expect(lines).toEqual([
        "In memory, Ann uses 5,000 tokens of her tenant's month; a call for 800 more is running",
        "Her usage moves to a file, and the service to a limiter on that",
        "  3 records and reservations moved",
        "  count-per-minute-user: 4, 1 of it held",
        "  token-per-month-tenant: 5800, 800 of it held",
        "Then to Redis",
        "  3 records and reservations moved",
        "The call that began in memory ends here",
        "  settled at 300 tokens",
        "  count-per-minute-user: 4, 0 of it held",
        "  token-per-month-tenant: 5300, 0 of it held",
      ]);
    });
  },
);

const textOf = (path: string): string => readFileSync(join(import.meta.dirname, path), "utf8");

/** The lines between the marks of a name, less the indentation of each part. */
function marked(file: string, name: string): string {
  const parts = textOf(file).matchAll(
    new RegExp(String.raw`^ *// <${name}>\n(.*?)^ *// </${name}>$`, "gms"),
  );
  return Array.from(parts, ([, part = ""]) => {
    const indentation = /^ */.exec(part)?.[0] ?? "";
    return part.replaceAll(new RegExp(`^${indentation}`, "gm"), "");
  }).join("\n");
}

/** The fenced blocks of a page. */
const blocksOf = (page: string): readonly string[] =>
  Array.from(textOf(page).matchAll(/^```\w+.*?\n(.*?)^```$/gms), ([, block = ""]) => block);

describe("the documentation of the stores", () => {
  const sql = "../packages/stores/sql/README.md";
  test.each([
    ["redis-store.ts", "quick start", ["../README.md", "../packages/stores/redis/README.md"]],
    ["postgres-store.ts", "quick start", [sql]],
    ["mysql-store.ts", "quick start", [sql]],
    ["sqlite-store.ts", "quick start", [sql]],
    ["moving-stores.ts", "moving", []],
  ])("shows the very lines of %s", (file, name, pages) => {
    const lines = marked(file, name);
    expect(lines).toContain("import ");
    for (const page of ["../docs/stores.md", ...pages]) expect(blocksOf(page)).toContain(lines);
  });

  test("shows the very compose file", () => {
    expect(blocksOf("../docs/stores.md")).toContain(textOf("compose.yaml"));
  });
});
