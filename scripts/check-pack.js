// Packs every package the way it will be published, then lints the tarball and its types.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { dualPackages } from "./packages.js";

const run = (command, ...args) =>
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
const out = mkdtempSync(join(tmpdir(), "pack-"));

for (const dir of dualPackages) {
  run("pnpm", "--dir", dir, "pack", "--pack-destination", out);
}
for (const tarball of readdirSync(out).map((file) => join(out, file))) {
  run("publint", "run", tarball, "--strict");
  run("attw", tarball, "--profile", "node16", "--quiet");
  console.log(`ok ${tarball}`);
}
