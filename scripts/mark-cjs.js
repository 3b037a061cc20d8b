// Node reads `dist/cjs/*.js` as CommonJS only when a nearer package.json says so.
import { writeFileSync } from "node:fs";

import { dualPackages } from "./packages.js";

for (const dir of dualPackages) {
  writeFileSync(`${dir}/dist/cjs/package.json`, '{ "type": "commonjs" }\n');
}
