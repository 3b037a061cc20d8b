import { partTable, readContent } from "../content.ts";
import { fieldsOf, listOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { readPrompts } from "./openai-completions.ts";

const parts = partTable("field", {
  parts: ({ parts: nested }) => nested,
  text: ({ text }, tally) => {
    tally.text(text);
  },
});

/** `POST /v1/embeddings`, and those of Ollama and Gemini: texts in, no text out. */
export const readEmbeddings: RequestReader = (body, tally): Reading => {
  readPrompts(body.input, tally);
  readPrompts(body.prompt, tally);
  readContent(body.content, parts, tally);
  for (const request of listOf(body.requests)) readContent(fieldsOf(request).content, parts, tally);
  return { cap: 0, stream: false };
};
