import { describe, expect, test } from "@jest/globals";
import { Ajv } from "ajv";
import { parse } from "yaml";

import { brokenFiles, environment } from "./broken-files.test-support.ts";
import { ConfigFileError, parseConfig, type Problem } from "./index.ts";
import { schema } from "./schema.ts";

function errorOf(text: string): ConfigFileError {
  try {
    parseConfig(text, { fileName: "limits.yaml", env: environment });
  } catch (error) {
    if (error instanceof ConfigFileError) return error;
    throw error;
  }
  throw new Error("the file was accepted");
}

const accepts = new Ajv({ strict: false }).compile(schema);

/** What an editor can tell: wrong syntax, or what the schema forbids. */
function isSeenInEditors(text: string): boolean {
  try {
    return !accepts(parse(text));
  } catch {
    return true;
  }
}

describe("a broken file", () => {
  test.each(brokenFiles)("is refused with all its mistakes: $name", ({ text, messages }) => {
    expect(errorOf(text).message.split("\n")).toEqual(messages);
  });

  test.each(brokenFiles)(
    "is marked by editors as far as they can: $name",
    ({ text, inEditors }) => {
      expect(isSeenInEditors(text)).toBe(inEditors);
    },
  );

  test("is an INVALID_CONFIG with the place of each problem", () => {
    const error = errorOf("limits:\n  - { type: count, window: day, limit: 0 }\nenabled: 1\n");
    const problems: readonly Problem[] = [
      {
        line: 2,
        column: 40,
        path: "limits[0].limit",
        message: "expected units per window: an integer from 1 to 999999999999999, got number 0",
      },
      { line: 3, column: 10, path: "enabled", message: "expected true or false, got number 1" },
    ];
    expect(error).toMatchObject({ code: "INVALID_CONFIG", path: "limits[0].limit", problems });
  });

  test("with more than a hundred mistakes lists a hundred, and has them all", () => {
    const error = errorOf(`thresholds: [${Array.from({ length: 150 }, () => "no").join(", ")}]`);
    expect(error.message.split("\n")).toHaveLength(101);
    expect(error.message).toMatch(/\nand 51 more$/);
    expect(error.problems).toHaveLength(151);
  });
});

describe("a hostile file", () => {
  const bomb = ["x0: &x0 [1]"];
  for (let n = 1; n < 10; n += 1) {
    const aliases = Array.from({ length: 9 }, () => `*x${String(n - 1)}`).join(", ");
    bomb.push(`x${String(n)}: &x${String(n)} [${aliases}]`);
  }
  const flat = Array.from({ length: 1024 }, () => "*x0").join(", ");

  test.each([
    ["of nested aliases", bomb.join("\n"), "expected at most 100 aliases, got more"],
    ["of many aliases", `x0: &x0 1\nlimits: [${flat}]`, "expected at most 100 aliases, got more"],
    ["of 40 levels", `limits: ${"[".repeat(40)}${"]".repeat(40)}`, "at most 32 levels, got more"],
    ["of a hundred thousand levels", "[".repeat(100_000), "nested too deep"],
    ["of a hundred thousand levels in blocks", `${"- ".repeat(100_000)}x`, "nested too deep"],
    ["of 250,000 values", `x: [${"1,".repeat(250_000)}]`, "at most 200000 values, got more"],
    ["of more than a mebibyte", `#${"x".repeat(1_048_576)}`, "at most 1048576 bytes, got more"],
  ])("%s is refused", (_kind, text, message) => {
    expect(errorOf(text).message).toContain(message);
  });

  test("cannot reach the prototype of anything", () => {
    const text = "limits: [{ type: count, window: day, limit: 5 }]\ntiers: { x: { __proto__: 5 } }";
    expect(() => parseConfig(text)).toThrow("tiers.x: has a key that is no name");
    expect(() => parseConfig('{ "__proto__": { "enabled": false } }')).toThrow("no name");
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
