// Packs every package the way it will be published, then lints the tarball and its types.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { packInto } from "./packages.js";

const run = (command, ...args) =>
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
const folder = mkdtempSync(join(tmpdir(), "pack-"));

try {
  for (const { name, tarball, files } of packInto(folder)) {
    const strays = files.filter((file) => /\.test|\.tsbuildinfo$/.test(file));
    assert.deepEqual(strays, [], `${name} ships what only its own build or tests need`);
    for (const file of ["LICENSE", "dist/cjs/package.json", "src/index.ts"]) {
      assert.ok(files.includes(file), `${name} lacks ${file}`);
    }
    run("publint", "run", tarball, "--strict");
    run("attw", tarball, "--profile", "node16", "--quiet");
    console.log(`ok ${name}, ${files.length} files`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
