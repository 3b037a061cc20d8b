import type { ResponseField } from "../merge.ts";
import type { Body, Dialect, Refusal } from "./dialect.ts";
import { messageOf } from "./message.ts";
import { providerFields } from "./provider-fields.ts";
import { instant } from "./times.ts";

const body = (type: string, message: string): Body => ({ type: "error", error: { type, message } });

function requestId(before: ResponseField): Body {
  const id = before("request-id");
  return typeof id === "string" ? { request_id: id } : {};
}

const refusalBody = (refusal: Refusal): Body => ({
  ...body(refusal.status === 413 ? "request_too_large" : "rate_limit_error", messageOf(refusal)),
  ...requestId(refusal.before),
});

/** `anthropic-ratelimit-*` with resets as instants, and Anthropic's error objects. */
export const anthropicDialect: Dialect = {
  contentType: "application/json",
  exactWaits: true,
  fields: providerFields({
    nameOf: (kind, part) => `anthropic-ratelimit-${kind}-${part}`,
    resetOf: (fullAfterMs, nowMs) => instant(nowMs + fullAfterMs),
  }),
  refusal: refusalBody,
  outage: (message) => body("overloaded_error", message),
  rejected: (status, message) =>
    body(status === 400 ? "invalid_request_error" : "permission_error", message),
};
