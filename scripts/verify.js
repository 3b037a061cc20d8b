// All that has to hold before a change is merged, one check after the other, cheapest to blame first.
import { pnpm } from "./pnpm.js";

const checks = [
  ["build"],
  ["lint"],
  ["test", "--coverage"],
  ["check:deps"],
  ["check:graph"],
  ["check:size"],
  ["check:pack"],
  ["check:consumers"],
];

for (const check of checks) {
  const start = performance.now();
  try {
    pnpm(check);
  } catch {
    // The check has said why.
    console.error(`✗ ${check.join(" ")}`);
    process.exit(1);
  }
  console.log(`✓ ${check.join(" ")}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
}
