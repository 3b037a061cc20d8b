import type { Decision } from "../../decision.ts";
import type { QuotaReport } from "../fields/quota.ts";
import type { HeaderSettings } from "../header-options.ts";
import type { FieldChanges, ResponseField } from "../merge.ts";

/**
 * How a response speaks of limits. `ietf` is the internet's: the fields of the `headers` option and
 * problem documents. The others are those of LLM providers, which their SDKs understand: `openai`,
 * `azure` (OpenAI on Azure) and `anthropic`.
 */
export type DialectName = "ietf" | "openai" | "azure" | "anthropic";

/** Every value of the `dialect` option, the default first. */
export const dialectChoices = ["auto", "ietf", "openai", "azure", "anthropic"] as const;

/** The `dialect` option: a dialect, or `auto` for the one that the request's path belongs to. */
export type DialectOption = (typeof dialectChoices)[number];

/** A JSON value. */
export type Body = Readonly<Record<string, unknown>>;

/** What is known of the limit that decides, where it may be shown. */
export interface ShownLimit {
  readonly name: string;
  /** As it is called on the wire. */
  readonly unit: string;
  readonly countsTokens: boolean;
  readonly max: number;
  readonly used: number;
  readonly remaining: number;
  readonly requested: number;
}

/** What a body says about a refusal. */
export interface Refusal {
  readonly decision: Decision;
  readonly report: QuotaReport;
  readonly status: number;
  /** `short`: worth waiting for; `long`: not within a call; `barred`: suspended, until somebody acts. */
  readonly kind: "short" | "long" | "barred" | "impossible";
  /** How long until the request fits, exactly. */
  readonly waitMs: number | undefined;
  readonly limit: ShownLimit | undefined;
  /** What the response says already, such as its `request-id`. */
  readonly before: ResponseField;
}

/** One way to tell clients about limits. */
export interface Dialect {
  /** Of the bodies. */
  readonly contentType: "application/problem+json" | "application/json";
  /** Whether its clients read `retry-after-ms`. */
  readonly exactWaits: boolean;
  /** Rate-limit fields, brought together with what the response already says. */
  readonly fields: (
    report: QuotaReport,
    settings: HeaderSettings,
    before: ResponseField,
    denied: boolean,
  ) => FieldChanges;
  readonly refusal: (refusal: Refusal) => Body;
  /** The service cannot answer now (503). */
  readonly outage: (message: string) => Body;
  /** No limit is to blame: the request is not complete (400), or its sender is not served (403). */
  readonly rejected: (status: 400 | 403, message: string, code: string) => Body;
}
