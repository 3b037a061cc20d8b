// Installs the packed packages with npm, far from this repository, the ways that users do, and runs
// what is in test/consumers on them. Needs a build.
import { execFile } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { missingPackage, redisServer } from "../servers/dist/index.js";
import { packInto } from "./packages.js";

const templates = "test/consumers";
const folder = mkdtempSync(join(tmpdir(), "consumers-"));

// What the running pnpm or npm says about this repository must not reach the npm of another folder.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|config_local_prefix|execpath)|pnpm_|INIT_CWD)/i.test(name),
  ),
);
const npm = async (cwd, ...args) =>
  promisify(execFile)("npm", args, { cwd, env, shell: process.platform === "win32" });

/** Copies the template, with tarballs in place of the published packages. */
function prepare(name, tarballs) {
  const target = join(folder, name);
  const shared = readdirSync(join(templates, "shared"));
  cpSync(join(templates, "shared"), target, { recursive: true });
  // Each module system has its own declarations, so types are checked as both.
  for (const file of shared.filter((file) => file.endsWith(".ts"))) {
    copyFileSync(join(target, file), join(target, file.replace(".ts", ".mts")));
    copyFileSync(join(target, file), join(target, file.replace(".ts", ".cts")));
  }
  cpSync(join(templates, name), target, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
  for (const dependency of Object.keys(manifest.dependencies)) {
    const tarball = tarballs.get(dependency);
    if (tarball !== undefined) manifest.dependencies[dependency] = `file:${tarball}`;
  }
  writeFileSync(join(target, "package.json"), JSON.stringify(manifest, undefined, 2));
  return target;
}

async function check(name, tarballs) {
  const target = prepare(name, tarballs);
  await npm(target, "install", "--no-audit", "--no-fund", "--loglevel=error");
  await npm(target, "test");
}

// For those that share usage; without it they say that they skip that.
const redis = missingPackage("redis") === undefined ? await redisServer() : undefined;
if (redis !== undefined) env.TOLLGATE_TEST_REDIS_URL = redis.url;

try {
  const tarballs = new Map(packInto(folder).map(({ name, tarball }) => [name, tarball]));
  const names = readdirSync(templates).filter((name) => name !== "shared");
  const results = await Promise.allSettled(names.map(async (name) => check(name, tarballs)));
  results.forEach(({ status, reason }, index) => {
    console.log(`${status === "fulfilled" ? "ok" : "FAILED"} ${names[index]}`);
    if (reason) console.error([reason.stdout, reason.stderr ?? reason.stack].join("\n"));
  });
  process.exitCode = results.every(({ status }) => status === "fulfilled") ? 0 : 1;
} finally {
  await redis?.stop();
  rmSync(folder, { recursive: true });
}
