import { tide, TIDE, chatRead } from "./chat.test-support.ts";
import {
  type ResponseShape,
  utf8,
  json,
  sse,
  EVENTS,
  JSON_TYPE,
  shape,
  cutShort,
} from "./framed.test-support.ts";

const gpt = { model: "gpt-example" };

/** Answers of applications, and what nobody knows. */
export const others: readonly ResponseShape[] = [
  shape(
    "ai sdk: message stream",
    EVENTS,
    sse(
      { type: "start" },
      { type: "start-step" },
      { type: "reasoning-delta", id: "0", delta: "Hm" },
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: "Ja" },
      { type: "text-delta", id: "1", delta: ", gern" },
      { type: "tool-input-start", toolCallId: "c1", toolName: "ring" },
      { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"bell":2}' },
      { type: "tool-input-available", toolCallId: "c1", toolName: "ring", input: { bell: 2 } },
      { type: "data-weather", data: { town: "Ulm" } },
      { type: "finish-step" },
      { type: "finish" },
      "[DONE]",
    ),
    { emitted: 'HmJa, gern{"bell":2}' },
  ),
  shape(
    "ai sdk: message stream with usage told by the application",
    EVENTS,
    sse(
      { type: "text-delta", id: "1", delta: "Ja" },
      {
        type: "finish",
        messageMetadata: {
          totalUsage: {
            inputTokens: 412,
            inputTokenDetails: { noCacheTokens: 156, cacheReadTokens: 256, cacheWriteTokens: 0 },
            outputTokens: 96,
            outputTokenDetails: { textTokens: 32, reasoningTokens: 64 },
          },
        },
      },
    ),
    { usage: chatRead, emitted: "Ja" },
  ),
  shape(
    "ai sdk: aborted",
    EVENTS,
    sse({ type: "text-delta", id: "1", delta: "Ja" }, { type: "abort" }),
    { ...cutShort, emitted: "Ja" },
  ),
  shape(
    "unknown events",
    EVENTS,
    sse(
      { id: "e1", type: "chunk", payload: { words: ["Low", " tide"] } },
      { id: "e2", type: "chunk", payload: { words: ["."], picture: "QUJD".repeat(100) } },
    ),
    { recognised: false, emitted: "Low tide." },
  ),
  shape("unknown JSON", JSON_TYPE, utf8(json({ id: "j1", answer: "Low tide", score: 1 })), {
    recognised: false,
    emitted: "Low tide",
  }),
  shape("plain text", "text/plain; charset=utf-8", utf8("\uFEFFLow tide — 潮 🌊\n\n"), {
    recognised: false,
    emitted: "Low tide — 潮 🌊\n\n",
  }),
  shape("events sent without a content type", "", sse(...tide, "[DONE]"), {
    ...gpt,
    emitted: TIDE,
  }),
  shape(
    "encoded",
    EVENTS,
    sse(...tide),
    { recognised: false, readable: false, complete: false },
    { contentEncoding: "gzip" },
  ),
  shape("binary", "image/png", Buffer.from([137, 80, 78, 71]), {
    recognised: false,
    readable: false,
    complete: false,
  }),
  shape("empty", EVENTS, utf8(""), { recognised: false, complete: false }),
];
