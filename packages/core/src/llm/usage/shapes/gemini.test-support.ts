import {
  type ResponseShape,
  utf8,
  json,
  sse,
  EVENTS,
  JSON_TYPE,
  shape,
  cutShort,
  failed,
} from "./framed.test-support.ts";

const gemini = { model: "gemini-example" };

const oui = [
  {
    candidates: [{ content: { role: "model", parts: [{ text: "Ou", thought: true }] } }],
    modelVersion: "gemini-example",
    usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 },
  },
  {
    candidates: [{ content: { role: "model", parts: [{ text: 'i [, {\\" ]' }] } }],
    modelVersion: "gemini-example",
    usageMetadata: {
      promptTokenCount: 12,
      candidatesTokenCount: 10,
      thoughtsTokenCount: 240,
      totalTokenCount: 262,
    },
  },
  {
    candidates: [
      {
        content: { parts: [{ functionCall: { name: "ring", args: { bell: 2 } } }] },
        finishReason: "STOP",
      },
    ],
    modelVersion: "gemini-example",
    usageMetadata: {
      promptTokenCount: 12,
      candidatesTokenCount: 18,
      thoughtsTokenCount: 240,
      toolUsePromptTokenCount: 5,
      totalTokenCount: 275,
    },
  },
];

const OUI = 'Oui [, {\\" ]ring{"bell":2}';

const ouiRead = { input: 17, output: 258, reasoning: 240 };

/** Gemini. */
export const google: readonly ResponseShape[] = [
  shape("gemini: events", EVENTS, sse(...oui), { ...gemini, usage: ouiRead, emitted: OUI }),
  shape(
    "gemini: one array",
    JSON_TYPE,
    utf8(`[${oui.map((part) => JSON.stringify(part, null, 2)).join("\n,\r\n")}\n]\n`),
    { ...gemini, usage: ouiRead, emitted: OUI },
  ),
  shape(
    "gemini: an array that breaks off",
    JSON_TYPE,
    utf8(`[${json(oui[0])},\n${json(oui[1]).slice(0, -9)}`),
    { ...gemini, ...cutShort, usage: { input: 12 }, emitted: "Ou" },
  ),
  shape(
    "gemini: an error in the array",
    JSON_TYPE,
    utf8(
      `[${json(oui[0])},${json({ error: { code: 503, message: "Unavailable", status: "UNAVAILABLE" } })}]`,
    ),
    { ...gemini, ...failed, usage: { input: 12 }, emitted: "Ou" },
  ),
  shape(
    "gemini: a blocked prompt",
    EVENTS,
    sse({
      promptFeedback: { blockReason: "SAFETY" },
      modelVersion: "gemini-example",
      usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 },
    }),
    { ...gemini, ...failed, usage: { input: 12 } },
  ),
  shape(
    "gemini: whole",
    JSON_TYPE,
    utf8(
      json({
        candidates: [
          { index: 0, finishReason: "STOP", content: { role: "model", parts: [{ text: "Oui." }] } },
        ],
        modelVersion: "gemini-example",
        usageMetadata: {
          promptTokenCount: 1290,
          cachedContentTokenCount: 1024,
          candidatesTokenCount: 18,
          thoughtsTokenCount: 240,
          toolUsePromptTokenCount: 0,
          totalTokenCount: 1548,
        },
      }),
    ),
    {
      ...gemini,
      usage: { input: 1290, cachedRead: 1024, output: 258, reasoning: 240 },
      emitted: "Oui.",
    },
  ),
];
