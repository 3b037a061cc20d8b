import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { pnpm } from "./pnpm.js";

const { references } = JSON.parse(readFileSync("tsconfig.json", "utf8"));

/** Every package built for both module systems, read from the one list that `tsc -b` uses. */
export const dualPackages = references
  .filter(({ path }) => path.endsWith("tsconfig.cjs.json"))
  .map(({ path }) => dirname(path));

/** Packs every package into `folder` the way it will be published; says what each tarball holds. */
export const packInto = (folder) =>
  dualPackages.map((directory) => {
    const args = ["--dir", directory, "pack", "--json", "--pack-destination", resolve(folder)];
    const { name, filename, files } = JSON.parse(pnpm(args, { encoding: "utf8" }));
    return { name, tarball: filename, files: files.map(({ path }) => path) };
  });
