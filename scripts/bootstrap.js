// Lets `npm test` start from a bare clone: npm cannot link a pnpm workspace, so pnpm installs it.
import { existsSync } from "node:fs";

import { pnpm } from "./pnpm.js";

if (!existsSync("node_modules/.modules.yaml")) pnpm(["install", "--frozen-lockfile"]);
