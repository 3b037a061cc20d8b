/**
 * A login that counts failures only: who knows the password may come as often as he likes.
 *
 *     pnpm example examples/count-when.ts
 */
import { setImmediate as turn } from "node:timers/promises";

import { createLimiter, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";
import { rateLimit } from "@tollgate/express";
import express from "express";

import { isObject } from "./json.ts";
import { isMain, listen } from "./serve.ts";

type Say = (line: string) => void;

interface Login {
  readonly user: string;
  readonly password: string;
}

const isLogin = (body: unknown): body is Login =>
  isObject(body) && typeof body["user"] === "string" && typeof body["password"] === "string";

/** @param say told each line */
export async function run(say: Say = console.log): Promise<void> {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "15m", limit: 3, scope: "user", name: "failures of the account" },
      { type: "count", window: "15m", limit: 50, scope: "ip", name: "failures of the address" },
    ],
    store: memoryStore({ clock: clock.now }),
  });
  const app = express();
  app.use(express.json());
  app.post(
    "/v1/login",
    rateLimit({
      limiter,
      countWhen: "failed",
      identify: ({ body }) => ({ user: isLogin(body) ? body.user : "nobody" }),
    }),
    ({ body }, response) => {
      const knowsIt = isLogin(body) && body.password === `${body.user}'s secret`;
      response.status(knowsIt ? 200 : 401).json({ welcome: knowsIt });
    },
  );
  const { url, close } = await listen(app, 0);

  const usedBy = (user: string) => limiter.usage({ user, ip: "127.0.0.1" });
  const logIn = async (user: string, password: string): Promise<void> => {
    const response = await fetch(`${url}/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user, password }),
    });
    await response.arrayBuffer();
    // A client may have its answer a moment before the request is settled.
    while (usedBy(user).some(({ held }) => held > 0)) await turn();
    const retryAfter = response.headers.get("retry-after");
    const wait = retryAfter === null ? "" : `, come back in ${retryAfter} s`;
    const failures = usedBy(user).map(({ current, max }) => `${String(current)} of ${String(max)}`);
    say(`  ${user}: ${String(response.status)}${wait}; failures ${failures.join(" and ")}`);
  };

  say("Logins that succeed are not counted");
  for (let time = 0; time < 4; time += 1) await logIn("ann", "ann's secret");

  say("Those that fail are, and after three the password is not even looked at");
  for (const guess of ["1234", "secret", "ann"]) await logIn("ann", guess);
  await logIn("ann", "ann's secret");

  say("That is nothing to another account of the same address");
  await logIn("bob", "bob's secret");

  say("A quarter of an hour later");
  clock.advance(900_000);
  await logIn("ann", "ann's secret");
  await close();
  limiter.close();
}

if (isMain(import.meta.url)) void run();
