import {
  type ResponseShape,
  utf8,
  json,
  lines,
  JSON_TYPE,
  LINES,
  shape,
  cutShort,
  failed,
} from "./framed.test-support.ts";

const llama = { model: "llama-example" };

const hi = [
  {
    model: "llama-example",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "", thinking: "Hm" },
    done: false,
  },
  {
    model: "llama-example",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "Hé" },
    done: false,
  },
  {
    model: "llama-example",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "llo" },
    done: false,
  },
];

const hiEnd = {
  model: "llama-example",
  created_at: "2026-01-01T00:00:01Z",
  message: { role: "assistant", content: "" },
  done: true,
  done_reason: "stop",
};

/** Ollama. */
export const ollama: readonly ResponseShape[] = [
  shape("ollama: chat", LINES, lines(...hi, { ...hiEnd, prompt_eval_count: 26, eval_count: 2 }), {
    ...llama,
    usage: { input: 26, output: 2 },
    emitted: "HmHéllo",
  }),
  shape("ollama: counters left out", LINES, lines(...hi, { ...hiEnd, eval_count: 2 }), {
    ...llama,
    usage: { input: 0, output: 2 },
    emitted: "HmHéllo",
  }),
  shape("ollama: closed early", LINES, lines(...hi), { ...llama, ...cutShort, emitted: "HmHéllo" }),
  shape("ollama: an error line", LINES, lines(hi[1], { error: "model runner has stopped" }), {
    ...llama,
    ...failed,
    emitted: "Hé",
  }),
  shape(
    "ollama: generate, CRLF, blank lines, no last line end",
    LINES,
    utf8(
      `${json({ model: "llama-example", response: "Hé", done: false })}\r\n\r\n${json({ model: "llama-example", response: "", done: true, context: [1, 2, 3], prompt_eval_count: 5, eval_count: 1 })}`,
    ),
    { ...llama, usage: { input: 5, output: 1 }, emitted: "Hé" },
  ),
  shape(
    "ollama: lines sent as JSON",
    JSON_TYPE,
    lines(...hi, { ...hiEnd, prompt_eval_count: 26, eval_count: 2 }),
    { ...llama, usage: { input: 26, output: 2 }, emitted: "HmHéllo" },
  ),
  shape(
    "ollama: whole",
    JSON_TYPE,
    utf8(
      json({
        ...hiEnd,
        message: {
          role: "assistant",
          content: "Hi",
          tool_calls: [{ function: { name: "ring", arguments: {} } }],
        },
        prompt_eval_count: 26,
        eval_count: 2,
      }),
    ),
    {
      ...llama,
      usage: { input: 26, output: 2 },
      emitted: 'Hi[{"function":{"name":"ring","arguments":{}}}]',
    },
  ),
  shape(
    "ollama: embeddings",
    JSON_TYPE,
    utf8(json({ model: "embed-example", embeddings: [[0.1, 0.2]], prompt_eval_count: 8 })),
    { usage: { input: 8, output: 0 } },
  ),
];
