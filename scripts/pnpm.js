// Runs pnpm for a script: the one that runs the script, or else the version this repository pins.
// The name `pnpm` alone will not do, since whoever came by npm or npx need not have it on the path.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { npm_config_user_agent: agent = "", npm_execpath: running = "" } = process.env;

function command() {
  if (!agent.startsWith("pnpm/") || running === "") {
    const { packageManager } = JSON.parse(readFileSync("package.json", "utf8"));
    return ["npx", "-y", packageManager];
  }
  // Older pnpm is a script, newer a program.
  return /\.[cm]?js$/.test(running) ? [process.execPath, running] : [running];
}

export function pnpm(args, options = { stdio: "inherit" }) {
  const [program, ...first] = command();
  return execFileSync(program, [...first, ...args], options);
}
