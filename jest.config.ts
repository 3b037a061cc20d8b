/**
 * Tests run on the TypeScript sources: swc strips the types, and the `@tollgate/source` export
 * condition points workspace imports at `src`, so no build is needed first.
 *
 * @jest-config-loader esbuild-register
 */
import type { Config } from "jest";

import tsconfig from "./tsconfig.json" with { type: "json" };

/** Every project that `tsc -b` builds, without its CommonJS twin. */
const directories = tsconfig.references
  .map(({ path }) => path)
  .filter((path) => !path.endsWith("tsconfig.cjs.json"));

const project = (directory: string) => ({
  displayName: directory.replace("packages/", ""),
  rootDir: directory,
  testMatch: ["<rootDir>/**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "/dist/"],
  testEnvironmentOptions: { customExportConditions: ["@tollgate/source", "node"] },
  transform: { "\\.ts$": ["@swc/jest", { jsc: { target: "es2023" } }] },
});

const config: Config = {
  projects: directories.map(project),
  testTimeout: 60_000,
  // Jest leaves a core idle by default, and on two cores runs everything in one process, ever more slowly.
  maxWorkers: "100%",
  collectCoverageFrom: ["packages/**/src/**/*.ts", "!**/*.test*.ts", "!**/bin.ts"],
  coverageProvider: "v8",
  coverageThreshold: { global: { lines: 95, branches: 90 } },
};

export default config;
