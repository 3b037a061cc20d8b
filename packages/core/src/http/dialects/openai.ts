import type { QuotaPolicy } from "../fields/quota.ts";
import type { Body, Dialect, Refusal } from "./dialect.ts";
import { messageOf } from "./message.ts";
import { providerFields, type Spelling } from "./provider-fields.ts";
import { kindOf, type QuotaKind } from "./quotas.ts";
import { goDuration } from "./times.ts";

const body = (message: string, type: string, code: string): Body => ({
  error: { message, type, param: null, code },
});

function refusalBody(refusal: Refusal): Body {
  const { kind, limit } = refusal;
  // The code at which clients give up; to them an ordinary limit is worth another try.
  if (kind === "long" || kind === "barred") {
    return body(messageOf(refusal), "insufficient_quota", "insufficient_quota");
  }
  const type = limit?.countsTokens === true ? "tokens" : "requests";
  return body(messageOf(refusal), type, "rate_limit_exceeded");
}

// OpenAI counts tokens of either direction together.
function kindFor(policy: QuotaPolicy): QuotaKind | undefined {
  const kind = kindOf(policy);
  return kind === undefined || kind === "requests" ? kind : "tokens";
}

/** OpenAI's fields, whatever a reset looks like. */
export const openAiFields = (resetOf: Spelling["resetOf"]): Dialect["fields"] =>
  providerFields({
    nameOf: (kind, part) => `x-ratelimit-${part}-${kind}`,
    resetOf,
    kindFor,
  });

/** `x-ratelimit-*-requests` and `-tokens` with resets as Go durations, and OpenAI's error objects. */
export const openAiDialect: Dialect = {
  contentType: "application/json",
  exactWaits: true,
  fields: openAiFields(goDuration),
  refusal: refusalBody,
  outage: (message) => body(message, "server_error", "service_unavailable"),
  rejected: (status, message, code) =>
    body(message, status === 400 ? "invalid_request_error" : "permission_error", code),
};
