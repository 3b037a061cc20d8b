// Lets `npm test` start from a bare clone: npm cannot link a pnpm workspace, so pnpm installs it.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const { packageManager } = JSON.parse(readFileSync("package.json", "utf8"));

if (!existsSync("node_modules/.modules.yaml")) {
  execFileSync("npx", ["-y", packageManager, "install", "--frozen-lockfile"], { stdio: "inherit" });
}
