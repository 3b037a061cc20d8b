/** The policy of the chat endpoint: what all three framework examples share, and nothing of HTTP. */
import type { IncomingHttpHeaders } from "node:http";

import type { Cost, LimitInput, SubjectIds } from "@tollgate/core";
import type { RefusedAnswer, RefusedContext } from "@tollgate/core/http";

import { isObject } from "./json.ts";

/** A call must fit in all four, or it is charged to none. */
export const chatLimits: readonly LimitInput[] = [
  // No user hammers the service.
  { type: "count", window: "minute", limit: 60, scope: "user" },
  // A user's daily share.
  { type: "token", window: "day", limit: 100_000, scope: "user" },
  // What the customer pays for.
  { type: "token", window: "month", limit: 20_000_000, scope: "tenant" },
  // A token bucket smooths each session: bursts of 5, then 2 calls per second.
  { type: "count", rate: 2, capacity: 5, scope: "session" },
];

// A toy. Yours is a database, or the claims of a verified token: never an unchecked header.
const keys = new Map([
  ["key-of-ann", { tenant: "acme", user: "ann" }],
  ["key-of-bob", { tenant: "acme", user: "bob" }],
  ["key-of-gus", { tenant: "globex", user: "gus" }],
  ["key-of-ivy", { tenant: "initech", user: "ivy" }],
]);

/** Who calls: an id for each scope of the limits. `undefined` when nobody holds the bearer key. */
export function callerOf(headers: IncomingHttpHeaders): SubjectIds | undefined {
  const [, key = ""] = /^Bearer (\S+)$/i.exec(headers.authorization ?? "") ?? [];
  const holder = keys.get(key);
  const session = headers["x-session-id"];
  // Clients may name their sessions freely: that spreads bursts, but the user's limits still hold.
  return holder && { ...holder, session: typeof session === "string" ? session : holder.user };
}

/** For those whose key nobody holds, in OpenAI's words. */
export const unknownKey = {
  error: {
    message: "Incorrect API key provided.",
    type: "invalid_request_error",
    param: null,
    code: "invalid_api_key",
  },
};

/** How long an answer may get when the request does not say. */
const STANDARD_ANSWER_TOKENS = 256;
const MAX_ANSWER_TOKENS = 1_000_000_000;

const isCap = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;

/**
 * What a call will cost at most, as a rule of thumb: four characters of the messages are a token, and
 * the answer is as long as it may be. The call is held to that until its real usage is settled.
 */
export function estimateCost(body: unknown): Cost {
  const call = isObject(body) ? body : {};
  const asked = Math.ceil(JSON.stringify(call["messages"] ?? "").length / 4);
  const caps = [call["max_tokens"], call["max_completion_tokens"]].filter(isCap);
  const longest = caps.length === 0 ? STANDARD_ANSWER_TOKENS : Math.max(...caps);
  return { token: asked + Math.min(longest, MAX_ANSWER_TOKENS) };
}

/** Refusals as OpenAI words them, so that its clients show the reason. The header fields stay. */
export const asOpenAiError = ({ body }: RefusedContext): RefusedAnswer => ({
  headers: { "Content-Type": "application/json" },
  body: {
    error: {
      message: body["detail"],
      type: body["unit"] ?? "requests",
      param: null,
      code: "rate_limit_exceeded",
    },
  },
});
