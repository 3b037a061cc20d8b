import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, describe, expect, test } from "@jest/globals";

const script = join(import.meta.dirname, "../scripts/check-graph.js");
const made: string[] = [];

/** Sources by their place below `packages/`, beside a workspace that keeps every rule. */
function check(sources: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "graph-"));
  made.push(root);
  const files = {
    "core/package.json": "{}",
    "core/src/index.ts": `export * from "./limiter.ts";`,
    "core/src/limiter.ts": `import "node:crypto"; import "lru-cache"; import "./algorithms/bucket.ts";`,
    "core/src/algorithms/bucket.ts": `import type { Cell } from "./cell.ts";`,
    "core/src/algorithms/cell.ts": `export type Cell = number;`,
    "core/src/http/index.ts": `import "../limiter.ts"; import "node:net";`,
    "core/src/testing/index.ts": `import "../http/index.ts";`,
    "core/src/limiter.test.ts": `import "anything-at-all";`,
    "adapters/express/package.json": "{}",
    "adapters/express/src/index.ts": `import "@tollgate/core"; import "express"; import "./lines.ts";`,
    "adapters/express/src/lines.ts": `import "@tollgate/core/http";`,
    "adapters/fastify/package.json": "{}",
    "adapters/fastify/src/index.ts": `import "fastify"; import "fastify-plugin";`,
    ...sources,
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(root, "packages", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], {
    encoding: "utf8",
  });
  return { status, stdout, faults: stderr.trim() };
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

describe("check-graph", () => {
  test("passes a workspace that keeps every rule, and counts its layers", () => {
    const { status, stdout, faults } = check({});
    expect(faults).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("core → core/algorithms  1");
    expect(stdout).toContain("adapters/express → @tollgate/core/http  1");
    expect(stdout).toContain("9 files, 14 imports, 0 circles through types, 0 faults");
  });

  test("counts a circle that only types close, and lets it pass", () => {
    const { status, stdout } = check({
      "core/src/algorithms/cell.ts": `import type {} from "./bucket.ts"; export type Cell = number;`,
    });
    expect(status).toBe(0);
    expect(stdout).toContain("1 circles through types");
  });

  test.each([
    {
      rule: "a circle of files",
      file: "core/src/algorithms/cell.ts",
      text: `import "../limiter.ts"; export { type Cell } from "./cell.ts";`,
      fault: "files do not import in a circle",
    },
    {
      rule: "an algorithm that imports core",
      file: "core/src/algorithms/bucket.ts",
      text: `import type { Clock } from "../clock.ts";`,
      fault: `packages/core/src/algorithms/bucket.ts imports "../clock.ts": algorithms import nothing`,
    },
    {
      rule: "an algorithm that imports a built-in",
      file: "core/src/algorithms/bucket.ts",
      text: `import "node:crypto";`,
      fault: "algorithms import nothing but one another",
    },
    {
      rule: "core with another dependency",
      file: "core/src/limiter.ts",
      text: `const load = async () => import("express");`,
      fault: `imports "express": core imports only node:*`,
    },
    {
      rule: "core with an import whose name is computed",
      file: "core/src/limiter.ts",
      text: `const load = async (name: string) => import(name);`,
      fault: `imports "(computed)": core imports only node:*`,
    },
    {
      rule: "core's root knowing http",
      file: "core/src/limiter.ts",
      text: `export type { Gate } from "./http/index.ts";`,
      fault: "only http and testing know http",
    },
    {
      rule: "a reader of answers that knows limits",
      file: "core/src/llm/usage/usage-reader.ts",
      text: `import type { Limit } from "../../policy.ts";`,
      fault: "know only one another",
    },
    {
      rule: "core knowing its testing tools",
      file: "core/src/http/index.ts",
      text: `import "../testing/index.ts";`,
      fault: "only testing knows testing",
    },
    {
      rule: "an adapter with a dependency of its own",
      file: "adapters/express/src/index.ts",
      text: `import "lodash";`,
      fault: `imports "lodash": adapters import only core`,
    },
    {
      rule: "an adapter that names its sibling",
      file: "adapters/express/src/index.ts",
      text: `import "@tollgate/fastify";`,
      fault: "adapters import only core",
    },
    {
      rule: "an adapter with another framework's plugin",
      file: "adapters/express/src/index.ts",
      text: `type Plugin = import("fastify-plugin").FastifyPlugin;`,
      fault: "adapters import only core",
    },
    {
      rule: "an adapter that uses what core publishes for tests",
      file: "adapters/express/src/index.ts",
      text: `import "@tollgate/core/testing";`,
      fault: "adapters import only core",
    },
    {
      rule: "a package that names another's source",
      file: "adapters/express/src/index.ts",
      text: `import "@tollgate/core/src/limiter.ts";`,
      fault: "no package reaches into another's src or dist",
    },
    {
      rule: "a package that climbs into another",
      file: "adapters/express/src/index.ts",
      text: `const core = require("../../../core/dist/cjs/index.js");`,
      fault: "no package reaches into another's src or dist",
    },
    {
      rule: "a package that nobody wrote a rule for",
      file: "plugins/nest/src/index.ts",
      text: `import "@nestjs/core";`,
      fault: "every package has a rule here",
    },
    {
      rule: "a store that imports a client",
      file: "stores/redis/src/index.ts",
      text: `import { Redis } from "ioredis";`,
      fault: "stores import only core, core/shared, node:* and themselves",
    },
  ])("fails on $rule", ({ file, text, fault }) => {
    const { status, faults } = check({
      [file.replace(/src\/.*/, "package.json")]: "{}",
      [file]: text,
    });
    expect(faults).toContain(fault);
    expect(status).toBe(1);
  });

  test("fails where it finds no source at all", () => {
    const root = mkdtempSync(join(tmpdir(), "graph-"));
    made.push(root);
    mkdirSync(join(root, "packages"));
    const { status, stderr } = spawnSync(process.execPath, [script, root], { encoding: "utf8" });
    expect(stderr).toContain("no source file was found");
    expect(status).toBe(1);
  });
});
