// Every package built for both module systems, read from the one list that `tsc -b` uses.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

const { references } = JSON.parse(readFileSync("tsconfig.json", "utf8"));

export const dualPackages = references
  .filter(({ path }) => path.endsWith("tsconfig.cjs.json"))
  .map(({ path }) => dirname(path));
