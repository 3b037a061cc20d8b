import type { PartialUsage } from "../read-usage.ts";

/** An answer as a provider sends it, with invented content, and what is to be read from it. */
export interface ResponseShape {
  readonly name: string;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly expected: {
    readonly usage: PartialUsage | undefined;
    readonly complete: boolean;
    readonly failed: boolean;
    readonly recognised: boolean;
    readonly readable: boolean;
    readonly model: string | undefined;
    /** All text that a model wrote. */
    readonly emitted: string;
  };
}

/** The bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The JSON text of a value. */
export const json = (value: unknown): string => JSON.stringify(value);

/** Server-sent events of JSON values; texts are sent as they are. */
export const sse = (...events: readonly unknown[]): Uint8Array =>
  utf8(
    events.map((event) => `data: ${typeof event === "string" ? event : json(event)}\n\n`).join(""),
  );

/** An event that tells its type. */
export interface TypedEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** Server-sent events that repeat their JSON `type` in the field `event`. */
export const typedSse = (...events: readonly TypedEvent[]): Uint8Array =>
  utf8(events.map((event) => `event: ${event.type}\ndata: ${json(event)}\n\n`).join(""));

/** One JSON value per line. */
export const lines = (...values: readonly unknown[]): Uint8Array =>
  utf8(values.map((value) => `${json(value)}\n`).join(""));

/** Server-sent events. */
export const EVENTS = "text/event-stream; charset=utf-8";

/** JSON. */
export const JSON_TYPE = "application/json";

/** JSON in lines. */
export const LINES = "application/x-ndjson";

/** A chunk of a chat completion. */
export const chunk = (choice: unknown, rest: object = {}): object => ({
  id: "chatcmpl-a2",
  object: "chat.completion.chunk",
  created: 1_790_000_000,
  model: "gpt-example",
  choices: choice === undefined ? [] : [choice],
  ...rest,
});

/** What a chunk of a chat completion says. */
export const says = (content: string, finish_reason: string | null = null): object => ({
  index: 0,
  delta: { content },
  finish_reason,
});

export type Expected = ResponseShape["expected"];

const found: Expected = {
  usage: undefined,
  complete: true,
  failed: false,
  recognised: true,
  readable: true,
  model: undefined,
  emitted: "",
};

/** What is read of an answer that has no end. */
export const cutShort: Partial<Expected> = { complete: false };

/** What is read of an answer that failed. */
export const failed: Partial<Expected> = { complete: false, failed: true };

/** A shape; what is not told is read of an answer that ended well and said nothing. */
export function shape(
  name: string,
  contentType: string,
  bytes: Uint8Array,
  expected: Partial<Expected>,
  rest: {
    readonly contentEncoding?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): ResponseShape {
  return { name, contentType, bytes, expected: { ...found, ...expected }, ...rest };
}
