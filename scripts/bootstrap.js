// Lets `npm test` start from a bare clone: npm cannot link a pnpm workspace, so pnpm installs it.
// With `--tests` it also gets what only the tests of the stores need, or says which of them will be skipped.
import { existsSync } from "node:fs";

import { compileSqlite } from "./compile-sqlite.js";
import { installServers } from "./install-servers.js";
import { pnpm } from "./pnpm.js";

if (!existsSync("node_modules/.modules.yaml")) pnpm(["install", "--frozen-lockfile"]);

if (process.argv.includes("--tests")) {
  installServers();
  compileSqlite();
}
