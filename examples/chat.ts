/** The policy of the chat endpoint: what all three framework examples share, and nothing of HTTP. */
import type { IncomingHttpHeaders } from "node:http";

import type { LimitInput, SubjectIds } from "@tollgate/core";

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
