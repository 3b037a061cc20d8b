import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { loadConfig, readConfig } from "./index.ts";

const text = "limits:\n  - { type: count, window: day, limit: 5 }\n";
const config = { limits: [{ type: "count", window: "day", limit: 5 }] };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileWith(content: string | Buffer): string {
  const path = join(folder, "limits.yaml");
  writeFileSync(path, content);
  return path;
}

describe("loadConfig", () => {
  test("reads a path, a URL, YAML and JSON", () => {
    const path = fileWith(text);
    expect(loadConfig(path)).toEqual(config);
    expect(loadConfig(pathToFileURL(path))).toEqual(config);
    expect(loadConfig(text)).toEqual(config);
    expect(loadConfig(text.replaceAll("\n", "\r\n"))).toEqual(config);
    expect(loadConfig(` ${JSON.stringify(config)}`)).toEqual(config);
  });

  test("tells which file is wrong, and where", () => {
    const path = fileWith(text.replace("5", "0"));
    expect(() => loadConfig(path)).toThrow(`${path}:2:40 limits[0].limit: expected`);
    expect(() => loadConfig(path, { fileName: "limits" })).toThrow(/^limits:2:40 /);
    expect(() => loadConfig("limits: []\n")).toThrow(/^config:1:9 /);
  });

  test("refuses a scope that is none", () => {
    expect(() => loadConfig(text, { scope: "per user" })).toThrow(
      "options.scope: expected a scope",
    );
  });
});

describe("a file", () => {
  test("may begin with a byte order mark", () => {
    expect(readConfig(fileWith(`\u{FEFF}${text}`))).toEqual(config);
  });

  test("that is not there is an error with its cause", () => {
    const path = join(folder, "nowhere.yaml");
    expect(() => readConfig(path)).toThrow(
      expect.objectContaining({
        code: "INVALID_CONFIG",
        message: `${path}:1:1 cannot be read: ENOENT: no such file or directory, open '${path}'`,
        cause: expect.objectContaining({ code: "ENOENT" }),
      }),
    );
  });

  test("that is a folder, not UTF-8 or too long is refused", () => {
    expect(() => readConfig(folder)).toThrow("cannot be read: it is not a file");
    expect(() => readConfig(fileWith(Buffer.from([0x6e, 0xff])))).toThrow("cannot be read");
    expect(() => readConfig(fileWith("#".repeat(1_048_577)))).toThrow("at most 1048576 bytes");
    expect(readConfig(fileWith(text + "#".repeat(1_048_576 - text.length)))).toEqual(config);
  });
});
