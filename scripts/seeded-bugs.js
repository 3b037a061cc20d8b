// Puts each bug of test/seeded-bugs into a copy of the core and requires its test to see it.
// `node scripts/seeded-bugs.js [part of a path]` takes those of some files.
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const core = "packages/core";
const [, , wanted = ""] = process.argv;
const bugs = JSON.parse(readFileSync(join(root, "test/seeded-bugs/bugs.json"), "utf8")).filter(
  ({ file }) => file.includes(wanted),
);

const jestConfig = {
  rootDir: core,
  testMatch: ["<rootDir>/src/**/*.test.ts"],
  testEnvironmentOptions: { customExportConditions: ["@tollgate/source", "node"] },
  transform: { "\\.ts$": ["@swc/jest", { jsc: { target: "es2023" } }] },
  testTimeout: 600_000,
};

/** A copy of the core to break: the originals are being worked on, and stay as they are. */
function copyCore() {
  const copy = mkdtempSync(join(tmpdir(), "seeded-bug-"));
  mkdirSync(join(copy, core), { recursive: true });
  cpSync(join(root, core, "src"), join(copy, core, "src"), { recursive: true });
  for (const file of ["package.json", join(core, "package.json")]) {
    cpSync(join(root, file), join(copy, file));
  }
  for (const folder of ["node_modules", join(core, "node_modules")]) {
    symlinkSync(join(root, folder), join(copy, folder));
  }
  writeFileSync(join(copy, "jest.config.json"), JSON.stringify(jestConfig));
  return copy;
}

const escape = (text) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

/** Runs the tests of `suites` whose names contain one of `names`. */
function runTests(copy, suites, names) {
  const jest = join(root, "node_modules/jest/bin/jest.js");
  const args = [
    "--expose-gc",
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
  ];
  args.push(jest, "--config", "jest.config.json", "--runInBand", "--json");
  args.push("--testPathPatterns", suites.map((suite) => `src/${suite}\\.test\\.ts$`).join("|"));
  args.push("--testNamePattern", names.map((name) => escape(name)).join("|"));
  // The same timelines each time: a bug must not be caught by luck.
  const env = { TOLLGATE_SEED: "1", ...process.env };
  const options = { cwd: copy, env, maxBuffer: 1e9, timeout: 600_000 };
  return new Promise((done) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const json = stdout.split("\n").find((line) => line.startsWith('{"num'));
      done(json === undefined ? { broken: stderr || error?.message } : JSON.parse(json));
    });
  });
}

/** `undefined` when the bug was caught, else what went wrong. */
function complaintAbout({ broken, numFailedTests, numRuntimeErrorTestSuites }) {
  if (broken !== undefined) return `the tests did not run: ${broken}`;
  if (numRuntimeErrorTestSuites > 0) return "the core no longer loads, so nothing was tested";
  return numFailedTests > 0 ? undefined : "no test failed";
}

async function seed({ file, find, replace, suite, test }) {
  const copy = copyCore();
  try {
    const path = join(copy, file);
    const source = readFileSync(path, "utf8");
    const places = source.split(find).length - 1;
    if (places !== 1) return `its place occurs ${places} times in ${file}`;
    writeFileSync(
      path,
      source.replace(find, () => replace),
    );
    return complaintAbout(await runTests(copy, [suite], [test]));
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const unique = (values) => [...new Set(values)];

async function checkWithoutBugs() {
  const copy = copyCore();
  const suites = unique(bugs.map(({ suite }) => suite));
  const result = await runTests(copy, suites, unique(bugs.map(({ test }) => test)));
  rmSync(copy, { recursive: true });
  if (result.success !== true) {
    const failed = (result.testResults ?? []).flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === "failed")
        .map(({ fullName }) => `${basename(name)}: ${fullName}`),
    );
    throw new Error(`without any bug these fail:\n${failed.join("\n") || result.broken}`);
  }
}

await checkWithoutBugs();
const queue = [...bugs];
let caught = 0;

async function work() {
  for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
    const complaint = await seed(bug);
    if (complaint === undefined) caught += 1;
    const verdict = complaint === undefined ? "caught" : `NOT CAUGHT (${complaint})`;
    console.log(`invariant ${bug.invariant}: ${bug.bug}: ${verdict}`);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`${bugs.length} bugs, ${caught} caught`);
if (caught < bugs.length) process.exitCode = 1;
