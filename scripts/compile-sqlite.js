// better-sqlite3 is partly C++. pnpm runs no install scripts here, and the tests of one store do not justify that it
// should, so this compiles it, once for each version of Node.
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const log = "node_modules/.cache/better-sqlite3.log";

function loads(folder) {
  try {
    // Fails too when it was compiled for another Node.
    createRequire(import.meta.url)(join(folder, "build/Release/better_sqlite3.node"));
    return true;
  } catch {
    return false;
  }
}

/** The headers that came with this Node, if they did: node-gyp would download them. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  const version = join(prefix, "include/node/node_version.h");
  const major = `#define NODE_MAJOR_VERSION ${process.versions.node.split(".")[0]}\n`;
  const fit = existsSync(version) && readFileSync(version, "utf8").includes(major);
  return fit ? { npm_config_nodedir: prefix } : {};
}

/** Through npm, which brings node-gyp along. */
function compile(folder) {
  mkdirSync(dirname(log), { recursive: true });
  const file = openSync(log, "w");
  const { error, status } = spawnSync("npm", ["run", "build-release", "--prefix", folder], {
    cwd: folder,
    env: { JOBS: "max", ...headers(), ...process.env },
    stdio: ["ignore", file, file],
  });
  closeSync(file);
  if (status === 0) return undefined;
  // node-gyp says in the middle of its output why it gives up, and ends with where it ran.
  const output = readFileSync(log, "utf8").trim();
  return error?.message ?? /gyp ERR! stack (.*)/.exec(output)?.[1] ?? output.split("\n").at(-1);
}

export function compileSqlite() {
  const link = "packages/stores/sql/node_modules/better-sqlite3";
  const folder = existsSync(link) ? realpathSync(link) : undefined;
  if (folder !== undefined && loads(folder)) return;
  const skipped = "SKIPPED: sqlite with better-sqlite3, could not be compiled:";
  if (folder === undefined) return console.log(`${skipped} it is not installed`);
  console.log(`compiling better-sqlite3, which takes a minute or two; its output is in ${log}`);
  const failure = compile(folder);
  if (failure !== undefined) console.log(`${skipped} ${failure}`);
}
