import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

const script = join(import.meta.dirname, "../scripts/count-tests.js");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "count-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The last line and the exit code, for what Jest wrote and the exit code of its run. */
function count(results: string, code: number) {
  const file = join(folder, "results.json");
  writeFileSync(file, results);
  const { status, stdout } = spawnSync(process.execPath, [script, file, String(code)], {
    encoding: "utf8",
  });
  return { last: stdout.trimEnd().split("\n").at(-1), status };
}

describe("count-tests", () => {
  test.each([
    {
      fact: "succeeds when all pass",
      results: { numPassedTests: 12, numFailedTests: 0 },
      code: 0,
      last: "12 passed, 0 failed",
      status: 0,
    },
    {
      fact: "names the skipped",
      results: { numPassedTests: 12, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1 },
      code: 0,
      last: "12 passed, 0 failed, 3 skipped",
      status: 0,
    },
    {
      fact: "fails when a test failed, whatever the run says",
      results: { numPassedTests: 12, numFailedTests: 1 },
      code: 0,
      last: "12 passed, 1 failed",
      status: 1,
    },
    {
      fact: "counts a file that does not load as a failure",
      results: { numPassedTests: 12, numFailedTests: 0, numRuntimeErrorTestSuites: 1 },
      code: 1,
      last: "12 passed, 1 failed",
      status: 1,
    },
    {
      fact: "keeps the exit code of a run that failed otherwise",
      results: { numPassedTests: 12, numFailedTests: 0 },
      code: 124,
      last: "12 passed, 0 failed",
      status: 124,
    },
    {
      fact: "fails when nothing ran",
      results: {},
      code: 0,
      last: "0 passed, 0 failed",
      status: 1,
    },
  ])("$fact", ({ results, code, last, status }) => {
    expect(count(JSON.stringify(results), code)).toEqual({ last, status });
  });

  test("fails when the run wrote no results", () => {
    expect(count("", 0)).toEqual({ last: "0 passed, 0 failed", status: 1 });
  });
});
