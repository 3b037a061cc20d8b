import {
  anthropicStart,
  ANTHROPIC,
  anthropicDelta,
  anthropicText,
  anthropicRead,
} from "./anthropic.test-support.ts";
import {
  type ResponseShape,
  utf8,
  json,
  JSON_TYPE,
  shape,
  cutShort,
  failed,
} from "./framed.test-support.ts";
import { frame, converse, invoked, metadataFrame, FRAMES } from "./frames.test-support.ts";

const claude = { model: "claude-example" };

const converseText = [
  converse("messageStart", { role: "assistant", p: "abcdefgh" }),
  converse("contentBlockDelta", {
    contentBlockIndex: 0,
    delta: { reasoningContent: { text: "Hm" } },
    p: "ab",
  }),
  converse("contentBlockDelta", {
    contentBlockIndex: 0,
    delta: { reasoningContent: { signature: "EqQBCg" } },
    p: "ab",
  }),
  converse("contentBlockDelta", {
    contentBlockIndex: 1,
    delta: { text: "Dö" },
    p: "abcdefghijklmnop",
  }),
  converse("contentBlockDelta", { contentBlockIndex: 1, delta: { text: "ne." }, p: "abcdefghijk" }),
  converse("contentBlockDelta", {
    contentBlockIndex: 2,
    delta: { toolUse: { input: '{"b":2}' } },
    p: "a",
  }),
  converse("contentBlockStop", { contentBlockIndex: 2, p: "abc" }),
];

const CONVERSE = 'HmDöne.{"b":2}';

const failedFrame = (name: string): Uint8Array =>
  frame(
    { ":exception-type": name, ":content-type": "application/json", ":message-type": "exception" },
    { message: "Too many requests" },
  );

const bedrockMetrics = {
  inputTokenCount: 100,
  outputTokenCount: 50,
  invocationLatency: 5000,
  cacheReadInputTokenCount: 80,
  cacheWriteInputTokenCount: 20,
};

/** Bedrock. */
export const bedrock: readonly ResponseShape[] = [
  shape(
    "bedrock: converse stream",
    FRAMES,
    Buffer.concat([
      ...converseText,
      converse("messageStop", { stopReason: "end_turn", p: "ab" }),
      metadataFrame,
    ]),
    { usage: { input: 21, output: 8 }, emitted: CONVERSE },
  ),
  shape(
    "bedrock: converse stream with caches",
    FRAMES,
    Buffer.concat([
      ...converseText,
      converse("messageStop", { stopReason: "end_turn" }),
      converse("metadata", {
        usage: {
          inputTokens: 64,
          outputTokens: 9,
          totalTokens: 1097,
          cacheReadInputTokens: 1024,
          cacheWriteInputTokens: 0,
        },
        metrics: { latencyMs: 310 },
        p: "abcdef",
      }),
    ]),
    { usage: { input: 1088, cachedRead: 1024, cacheWrite: 0, output: 9 }, emitted: CONVERSE },
  ),
  shape(
    "bedrock: closed before the metadata",
    FRAMES,
    Buffer.concat([...converseText, converse("messageStop", { stopReason: "end_turn" })]),
    { ...cutShort, emitted: CONVERSE },
  ),
  shape(
    "bedrock: an exception in the stream",
    FRAMES,
    Buffer.concat([...converseText, failedFrame("throttlingException")]),
    { ...failed, emitted: CONVERSE },
  ),
  shape(
    "bedrock: framing lost",
    FRAMES,
    Buffer.concat([...converseText, Buffer.alloc(40, 0xff), metadataFrame]),
    { ...cutShort, readable: false, emitted: CONVERSE },
  ),
  shape(
    "bedrock: invoked model's own stream",
    FRAMES,
    Buffer.concat([
      invoked(anthropicStart),
      ...anthropicText.map((event) => invoked(event)),
      invoked(anthropicDelta(47, "end_turn")),
      invoked({
        type: "message_stop",
        "amazon-bedrock-invocationMetrics": {
          ...bedrockMetrics,
          inputTokenCount: 900,
          outputTokenCount: 47,
          cacheReadInputTokenCount: 2048,
          cacheWriteInputTokenCount: 128,
        },
      }),
    ]),
    { ...claude, usage: { ...anthropicRead, output: 47 }, emitted: ANTHROPIC },
  ),
  shape(
    "bedrock: invoked unknown model",
    FRAMES,
    Buffer.concat([
      invoked({ outputText: "Hö", index: 0, completionReason: null }),
      invoked({
        outputText: "p",
        completionReason: "FINISH",
        "amazon-bedrock-invocationMetrics": { inputTokenCount: 100, outputTokenCount: 50 },
      }),
    ]),
    { usage: { input: 100, output: 50 }, emitted: "Höp" },
  ),
  shape(
    "bedrock: converse, whole",
    JSON_TYPE,
    utf8(
      json({
        output: {
          message: {
            role: "assistant",
            content: [
              { text: "Done." },
              { toolUse: { toolUseId: "t1", name: "ring", input: { bell: 2 } } },
            ],
          },
        },
        stopReason: "end_turn",
        usage: {
          inputTokens: 64,
          outputTokens: 9,
          totalTokens: 1097,
          cacheReadInputTokens: 1024,
          cacheWriteInputTokens: 0,
        },
        metrics: { latencyMs: 412 },
      }),
    ),
    {
      usage: { input: 1088, cachedRead: 1024, cacheWrite: 0, output: 9 },
      emitted: 'Done.ring{"bell":2}',
    },
  ),
  shape(
    "bedrock: invoked, counts in headers",
    JSON_TYPE,
    utf8(json({ generation: "Hop" })),
    { usage: { input: 31, output: 4 }, emitted: "Hop" },
    {
      headers: {
        "x-amzn-bedrock-input-token-count": "31",
        "x-amzn-bedrock-output-token-count": "4",
      },
    },
  ),
];
