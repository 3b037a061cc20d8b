// The stores are tested against real database servers. Root on Debian, as in a container, gets them installed;
// everybody else is told what is missing. The tests start the servers themselves, as `@tollgate/servers` does.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const path = (process.env.PATH ?? "").split(delimiter);
const isIn = (folders, program) => folders.some((folder) => existsSync(join(folder, program)));

/** Debian keeps PostgreSQL off the path. */
function postgresFolders() {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return path;
  return [...path, ...readdirSync(root).map((version) => join(root, version, "bin"))];
}

const servers = [
  {
    name: "redis-server",
    given: process.env.TOLLGATE_TEST_REDIS_URL,
    isHere: () => isIn(path, "redis-server"),
  },
  {
    name: "postgresql",
    given: process.env.TOLLGATE_TEST_POSTGRES_URL,
    isHere: () => isIn(postgresFolders(), "initdb"),
  },
  {
    name: "mariadb-server",
    given: process.env.TOLLGATE_TEST_MARIADB_URL,
    isHere: () => isIn([...path, "/usr/sbin", "/usr/local/sbin"], "mariadbd"),
  },
];

const missing = () =>
  servers.filter(({ given, isHere }) => !given && !isHere()).map(({ name }) => name);

const isRootOnDebian = () =>
  process.getuid?.() === 0 && existsSync("/etc/debian_version") && isIn(path, "apt-get");

// With a listener, Ctrl-C ends apt-get but not us, and nothing stays behind.
const stay = () => {};

/** Runs something while Debian is told not to start what it installs: the tests start servers of their own. */
function withoutServices(install) {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  process.on("SIGINT", stay).on("SIGTERM", stay);
  try {
    if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    return install();
  } finally {
    if (ours) rmSync(policy, { force: true });
    process.off("SIGINT", stay).off("SIGTERM", stay);
  }
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, stderr, error } = spawnSync("apt-get", ["-q", ...args], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status === 0) return true;
  const reason = error?.message ?? stderr.trim().split("\n").at(-1);
  console.log(`apt-get ${args[0]} failed: ${reason}`);
  return false;
}

export function installServers() {
  const wanted = missing();
  if (wanted.length > 0 && isRootOnDebian()) {
    console.log(`installing for the tests, with apt-get: ${wanted.join(", ")}`);
    // An update that fails may leave lists that are good enough.
    aptGet("update");
    withoutServices(() => aptGet("install", "-y", "--no-install-recommends", ...wanted));
  }
  for (const name of missing()) console.log(`needs ${name}: its tests will be skipped`);
}
