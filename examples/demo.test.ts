import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

import { describe, expect, test } from "@jest/globals";

const root = join(__dirname, "..");
const tsx = createRequire(join(root, "package.json")).resolve("tsx/cli");

/** Runs the demo as `pnpm demo` does. */
const runDemo = async (env: NodeJS.ProcessEnv): Promise<{ code: unknown; output: string }> =>
  new Promise((resolve) => {
    const command = [tsx, "--conditions=@tollgate/source", "examples/demo.ts"];
    const options = { cwd: root, env: { ...process.env, ...env } };
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr });
    });
  });

describe("the demo", () => {
  test("keeps all its promises and ends by itself, talking to nobody outside", async () => {
    // A model that cannot be reached: the demo would break off if it asked it.
    const elsewhere = { OPENAI_BASE_URL: "http://127.0.0.1:1/v1", OPENAI_API_KEY: "secret" };
    const { code, output } = await runDemo(elsewhere);
    expect(output).toContain("3 are admitted and 2 refused");
    expect(output).toMatch(/fastify: told \d+ ms by retry-after-ms, waited \d+ ms, answered/);
    expect(output).toContain('impossible  limit "acme day" can never admit token');
    expect(output).toMatch(/koa: estimated \d+ tokens to read and \d+ to write/);
    expect(output).toMatch(/koa: while \d+ characters arrive, \d+ tokens are held, as estimated/);
    expect(output).toMatch(/settled +\d+ tokens instead of \d+: measured/);
    expect(output).toMatch(/settled +\d+ tokens instead of \d+: counted/);
    expect(output).toMatch(/\n44 promises kept, 0 broken, in [\d.]+ s\n/);
    expect(code).toBe(0);
  });

  test("fails when a limit is not what was promised", async () => {
    const { code, output } = await runDemo({ TOLLGATE_DEMO_SABOTAGE: "1" });
    expect(output).toContain("[BROKEN] 3 are admitted and 2 refused: expected [3,2], got [4,1]");
    expect(output).toMatch(/ kept, [1-9]\d* broken/);
    expect(code).toBe(1);
  });
});
