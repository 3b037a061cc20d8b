import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLimiter, isRateLimitError, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { run as runAgent } from "./agent.ts";
import { run as runGuard } from "./guard.ts";
import type { Listening } from "./serve.ts";
import {
  costOf,
  limitedSessions,
  type Message,
  run as runSessions,
  sessionLimits,
  SessionService,
} from "./session-service.ts";
import { startStandInLlm } from "./stand-in-llm.ts";

const hello: Message = { role: "user", content: "Hello, are you there?" };

const isRefused = async (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => false,
    (error: unknown) => isRateLimitError(error),
  );

function sessionStage() {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: sessionLimits,
    store: memoryStore({ clock: clock.now }),
  });
  const { sessions, usage } = limitedSessions(limiter);
  const used = async (sessionId: string) =>
    Object.fromEntries((await usage(sessionId)).map(({ limit, current }) => [limit, current]));
  return { clock, sessions, used };
}

const SESSION = "count-per-minute-session";
const USER = "count-per-minute-user";
const TOKENS = "token-per-day-user";

describe("the session service", () => {
  test("charges one message or many, by their number and their weight", async () => {
    const { sessions, used } = sessionStage();
    const session = sessions.createSession("ann");
    await sessions.appendMessage(session, hello);
    const one = Number(costOf([hello])["token"]);
    expect(one).toBeGreaterThan(5);
    expect(await used(session)).toEqual({ [SESSION]: 1, [USER]: 1, [TOKENS]: one });
    await sessions.appendMessages(session, [hello, hello]);
    const two = Number(costOf([hello, hello])["token"]);
    expect(await used(session)).toEqual({ [SESSION]: 3, [USER]: 3, [TOKENS]: one + two });
    expect(sessions.getMessages(session)).toEqual([hello, hello, hello]);
  });

  test("gives a user one budget in all sessions, and another user another", async () => {
    const { sessions, used, clock } = sessionStage();
    const [first, second] = [sessions.createSession("ann"), sessions.createSession("ann")];
    const other = sessions.createSession("bob");
    await sessions.appendMessages(first, [hello, hello, hello, hello]);
    await sessions.appendMessages(second, [hello, hello]);
    expect(await used(second)).toMatchObject({ [SESSION]: 2, [USER]: 6 });
    expect(await isRefused(sessions.appendMessage(second, hello))).toBe(true);
    expect(await used(other)).toEqual({ [SESSION]: 0, [USER]: 0, [TOKENS]: 0 });
    await sessions.appendMessage(other, hello);
    clock.advance(60_000);
    await sessions.appendMessage(second, hello);
    expect(sessions.getMessageCount(second)).toBe(3);
  });

  test("appends all of a refused call or none of it, and charges nothing for none", async () => {
    const { sessions, used } = sessionStage();
    const session = sessions.createSession("ann");
    const five = Array.from({ length: 5 }, () => hello);
    expect(await isRefused(sessions.appendMessages(session, five))).toBe(true);
    expect(sessions.getMessageCount(session)).toBe(0);
    expect(await used(session)).toEqual({ [SESSION]: 0, [USER]: 0, [TOKENS]: 0 });
  });

  test("forgets a deleted session's usage and keeps its user's", async () => {
    const { sessions, used } = sessionStage();
    const [first, second] = [sessions.createSession("ann"), sessions.createSession("ann")];
    await sessions.appendMessages(first, [hello, hello]);
    await sessions.appendMessage(second, hello);
    const before = await used(second);
    await sessions.deleteSession(first);
    expect(await used(second)).toEqual(before);
    expect(before).toMatchObject({ [SESSION]: 1, [USER]: 3 });
    expect(sessions.sessionCount).toBe(1);
    await expect(sessions.appendMessage(first, hello)).rejects.toThrow("no session session-1");
  });

  test("is a session service still", () => {
    const { sessions } = sessionStage();
    expect(sessions).toBeInstanceOf(SessionService);
    expect(sessions.sessionCount).toBe(0);
  });

  test("tells its story", async () => {
    const lines: string[] = [];
    const { sessions } = await runSessions((line) => lines.push(line));
    expect(sessions.sessionCount).toBe(2);
    const story = lines.join("\n");
    expect(story).toContain("messages in session-1: 4");
    expect(story).toContain(`session-1: limit "${SESSION}" has 0 of 4 left`);
    expect(story).toContain(`session-2: limit "${USER}" has 2 of 6 left and count 3 was asked`);
    expect(story).toContain("messages in session-2: 2");
    expect(story).toContain(`session-2: limit "${USER}" has 0 of 6 left`);
    expect(story).toContain("messages in session-3: 1");
    expect(story).toContain(`session-3: limit "${TOKENS}" can never admit token`);
    expect(lines.filter((line) => line.includes(`${USER}: 6 of 6`))).toHaveLength(2);
  });
});

describe("the agent", () => {
  let standIn: Listening;

  beforeEach(async () => {
    standIn = await startStandInLlm();
  });

  afterEach(async () => {
    await standIn.close();
  });

  test("D-RES-12 is charged once for three calls of its model, and told how long to wait", async () => {
    const lines: string[] = [];
    const limiter = await runAgent({ url: standIn.url, key: "none" }, (line) => lines.push(line));
    const calls = lines.flatMap((line) => /^ {2}\w.*\. (\d+) tokens$/.exec(line)?.[1] ?? []);
    expect(calls).toHaveLength(6);
    const sum = calls.reduce((all, tokens) => all + Number(tokens), 0);
    expect(await limiter.usage({ user: "ann" })).toMatchObject([
      { type: "count", current: 2, held: 0 },
      { type: "token", current: sum, held: 0 },
    ]);
    expect(lines.filter((line) => line.startsWith("  the turn held"))).toHaveLength(2);
    expect(lines.at(-2)).toContain('limit "count-per-minute-user" has 0 of 2 left');
    expect(lines.at(-1)).toMatch(/Ann may ask again in (60|59) seconds/);
  });
});

test("the guarded function is charged what its calls cost, and nothing for those that fail", async () => {
  const lines: string[] = [];
  await runGuard((line) => lines.push(line));
  expect(lines).toEqual([
    "A call holds 400 tokens, and is charged what it cost",
    '  ann: "A letter fro…", for 135 tokens',
    "  ann: 135 of 1000 tokens used",
    "One that failed is charged nothing",
    "  ann: failed, there is nothing to summarise",
    "  ann: 135 of 1000 tokens used",
    "Of three at a time, the third finds the rest of the day held by the others",
    "  bob: refused, again in 24 h",
    '  bob: "Page 1. Page…", for 80 tokens',
    '  bob: "Page 2. Page…", for 80 tokens',
    "  bob: 160 of 1000 tokens used",
    "They cost less in the end, so that now there is room",
    '  bob: "Page 3. Page…", for 80 tokens',
    "  bob: 240 of 1000 tokens used",
  ]);
});
