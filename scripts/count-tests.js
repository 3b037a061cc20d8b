// Ends with `N passed, N failed` from the results that Jest wrote, and with the run's own verdict.
// `node scripts/count-tests.js <results.json> <exit code of the run>`
import { readFileSync } from "node:fs";

const [file, code] = process.argv.slice(2);

function readResults() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    console.log(`no results to count: ${error.message}`);
    return {};
  }
}

const {
  numPassedTests: passed = 0,
  numFailedTests = 0,
  numRuntimeErrorTestSuites: brokenFiles = 0,
  numPendingTests = 0,
  numTodoTests = 0,
} = readResults();

// A file that does not load has no tests to count, and is no less a failure.
const failed = numFailedTests + brokenFiles;
const skipped = numPendingTests + numTodoTests;

process.exitCode = Number(code) || (failed > 0 || passed === 0 ? 1 : 0);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
