import type { Decision } from "../decision.ts";
import { rateLimitError, type TollgateError } from "../errors.ts";
import type { FieldChanges } from "./merge.ts";
import type { RefusedAnswer } from "./options.ts";
import type { RefusalResponse } from "./response.ts";

/** What a request is answered with in place of its handler. */
export interface RefusedVerdict {
  readonly outcome: "refused";
  readonly fields: FieldChanges;
  readonly status: number;
  /** Not sent in answer to `HEAD`, which frameworks see to. */
  readonly body: string;
}

/** The answer to a request that is turned away, with what `onRefused` changes of it. */
export function answer(
  { status, fields, body, contentType }: RefusalResponse,
  changed: RefusedAnswer = {},
): RefusedVerdict {
  const { status: sent = status } = changed;
  // A problem must tell the status it is sent with (RFC 9457 §3.1.2).
  const own = contentType === "application/problem+json" ? { ...body, status: sent } : body;
  const { body: content = own } = changed;
  const isText = typeof content === "string";
  const type = isText ? "text/plain; charset=utf-8" : contentType;
  return {
    outcome: "refused",
    status: sent,
    fields: { "Content-Type": type, ...fields, ...changed.headers },
    body: isText ? content : JSON.stringify(content),
  };
}

/** The refusal as an exception: Express, Koa and Fastify answer one with these properties. */
export function httpError(decision: Decision, { status, fields }: RefusalResponse): TollgateError {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.assign(rateLimitError(decision), {
    status,
    statusCode: status,
    expose: true,
    headers: Object.fromEntries(set),
  });
}
