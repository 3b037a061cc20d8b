/**
 * Limits around a service that knows nothing of them: chat sessions, whose messages are weighed.
 *
 *     pnpm example examples/session-service.ts
 */
import {
  type Cost,
  createLimiter,
  getDecision,
  isRateLimitError,
  type Limiter,
  type LimitInput,
  rateLimited,
  type Subject,
  type Usage,
} from "@tollgate/core";
import { estimateRequest } from "@tollgate/core/llm";

import { isMain } from "./serve.ts";

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

interface Session {
  readonly userId: string;
  readonly messages: Message[];
}

/** Chat sessions in memory. Nothing here knows of limits. */
export class SessionService {
  readonly #sessions = new Map<string, Session>();
  readonly #onDeleted: (sessionId: string) => unknown;
  #created = 0;

  /** @param onDeleted told about sessions that are gone */
  constructor(onDeleted: (sessionId: string) => unknown = () => undefined) {
    this.#onDeleted = onDeleted;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  createSession(userId: string): string {
    this.#created += 1;
    const sessionId = `session-${String(this.#created)}`;
    this.#sessions.set(sessionId, { userId, messages: [] });
    return sessionId;
  }

  /** @throws Error when there is no such session */
  userOf(sessionId: string): string {
    return this.#session(sessionId).userId;
  }

  async appendMessage(sessionId: string, message: Message): Promise<void> {
    this.#session(sessionId).messages.push(message);
  }

  async appendMessages(sessionId: string, messages: readonly Message[]): Promise<void> {
    for (const message of messages) await this.appendMessage(sessionId, message);
  }

  getMessages(sessionId: string): readonly Message[] {
    return [...this.#session(sessionId).messages];
  }

  getMessageCount(sessionId: string): number {
    return this.#session(sessionId).messages.length;
  }

  async deleteSession(sessionId: string): Promise<void> {
    if (this.#sessions.delete(sessionId)) await this.#onDeleted(sessionId);
  }

  #session(sessionId: string): Session {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw new Error(`There is no session ${sessionId}.`);
    return session;
  }
}

/** What a session and all sessions of a user together may take. */
export const sessionLimits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 4, scope: "session" },
  { type: "count", window: "minute", limit: 6, scope: "user" },
  { type: "token", window: "day", limit: 500, scope: "user" },
];

/** As many calls as there are messages; tokens as a model would count them. */
export const costOf = (messages: readonly Message[]): Cost => ({
  count: messages.length,
  token: estimateRequest({ messages }).inputToken,
});

/** A session service within the limits. */
export interface LimitedSessions {
  readonly sessions: SessionService;
  /** How the limits stand for a session, and for the user whose it is. */
  readonly usage: (sessionId: string) => Promise<readonly Usage[]>;
}

export function limitedSessions(limiter: Limiter): LimitedSessions {
  // What is left of a session goes with it; what its user has spent stays spent.
  const service = new SessionService((session) =>
    limiter.reset({ session }, { scopes: ["session"] }),
  );
  // The session tells whose it is: a user has one budget in all of them.
  const subject = (session: string): Subject => ({ session, user: service.userOf(session) });
  const sessions = rateLimited(
    service,
    {
      appendMessage: { subject, cost: (_, message) => costOf([message]) },
      appendMessages: { subject, cost: (_, messages) => costOf(messages) },
    },
    limiter,
  );
  return { sessions, usage: async (sessionId) => limiter.usage(subject(sessionId)) };
}

/** @param say told each line */
export async function run(say: (line: string) => void = console.log): Promise<LimitedSessions> {
  const limiter = createLimiter({ limits: sessionLimits });
  const { sessions, usage } = limitedSessions(limiter);
  const hello: Message = { role: "user", content: "Hello, are you there?" };

  const append = async (sessionId: string, messages: readonly Message[]): Promise<void> => {
    try {
      await sessions.appendMessages(sessionId, messages);
      say(`  messages in ${sessionId}: ${String(sessions.getMessageCount(sessionId))}`);
    } catch (error) {
      if (!isRateLimitError(error)) throw error;
      say(`  ${sessionId}: ${getDecision(error)?.reason ?? "refused"}`);
    }
  };
  const report = async (sessionId: string): Promise<void> => {
    for (const { limit, current, max } of await usage(sessionId)) {
      say(`  ${limit}: ${String(current)} of ${String(max)}`);
    }
  };

  say("Ann has two sessions, Bob has one");
  const [first, second] = [sessions.createSession("ann"), sessions.createSession("ann")];
  const other = sessions.createSession("bob");

  say("Four messages in Ann's first session are all it may have in a minute");
  await append(first, [hello, hello, hello, hello]);
  await append(first, [hello]);

  say("Her second one has room of its own, but Ann has not: all of a call fits, or none of it");
  await append(second, [hello, hello, hello]);
  await append(second, [hello, hello]);
  await append(second, [hello]);

  say("Bob is somebody else");
  await append(other, [hello]);

  say("Waiting does not help who wants more tokens than there are in a day");
  await append(other, [{ role: "user", content: "Read all of this. ".repeat(200) }]);

  say("Where Ann's first session stands");
  await report(first);

  say("She deletes it, which gives nothing back to her");
  await sessions.deleteSession(first);
  await report(second);
  limiter.close();
  return { sessions, usage };
}

if (isMain(import.meta.url)) void run();
