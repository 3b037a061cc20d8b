import { partTable, readContent } from "../content.ts";
import { capOf, type Fields, fieldsOf, isFields, listOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";
import { readUnknown } from "../unknown-value.ts";
import { readMessages } from "./anthropic.ts";

const image = (part: Fields, tally: Tally): void => {
  tally.image({ source: sourceOf(fieldsOf(fieldsOf(part.image).source).bytes) });
};

function readDocument({ document }: Fields, tally: Tally): unknown {
  const { name, context, source } = fieldsOf(document);
  const { text, content } = fieldsOf(source);
  tally.text(name);
  tally.text(context);
  tally.text(text);
  if (text === undefined && content === undefined) tally.media("document");
  return content;
}

const parts = partTable("field", {
  text: ({ text }, tally) => {
    tally.text(text);
  },
  image,
  document: readDocument,
  video: (_, tally) => {
    tally.media("video");
  },
  audio: (_, tally) => {
    tally.media("audio");
  },
  toolUse: ({ toolUse }, tally) => {
    const { name, input } = fieldsOf(toolUse);
    tally.text(name);
    tally.json(input);
  },
  toolResult: ({ toolResult }) => fieldsOf(toolResult).content,
  json: ({ json }, tally) => {
    tally.json(json);
  },
  reasoningContent: ({ reasoningContent }, tally) => {
    const { reasoningText, redactedContent } = fieldsOf(reasoningContent);
    tally.text(fieldsOf(reasoningText).text);
    if (redactedContent !== undefined) tally.sealed(redactedContent);
  },
  // The text of a guard stands one level lower than that of a part.
  guardContent: ({ guardContent }, tally) => {
    const guarded = fieldsOf(guardContent);
    tally.text(fieldsOf(guarded.text).text);
    if (guarded.image !== undefined) image(guarded, tally);
  },
  searchResult: ({ searchResult }, tally) => {
    const { title, source, content } = fieldsOf(searchResult);
    tally.text(title);
    tally.text(source);
    return content;
  },
  cachePoint: () => undefined,
});

function readTool(tool: unknown, tally: Tally): void {
  const { toolSpec, cachePoint } = fieldsOf(tool);
  if (toolSpec !== undefined) tally.tool(toolSpec);
  else if (cachePoint === undefined) tally.hidden();
}

/** `POST /model/{id}/converse` and `/converse-stream`. */
export const readConverse: RequestReader = (body, tally, { stream }): Reading => {
  tally.conversation();
  readContent(body.system, parts, tally);
  for (const one of listOf(body.messages)) {
    tally.message();
    readContent(fieldsOf(one).content, parts, tally);
  }
  for (const tool of listOf(fieldsOf(body.toolConfig).tools)) readTool(tool, tally);
  if (isFields(body.promptVariables)) {
    tally.hidden();
    readContent(Object.values(body.promptVariables), parts, tally);
  }
  return {
    cap: capOf(
      fieldsOf(body.inferenceConfig).maxTokens,
      fieldsOf(body.additionalModelRequestFields).max_tokens,
    ),
    ...(stream === undefined ? {} : { stream }),
  };
};

/** `POST /model/{id}/invoke`: the body is the model vendor's own, of which Claude's is known. */
export const readInvoke: RequestReader = (body, tally, route): Reading => {
  if (isFields(body.inferenceConfig)) return readConverse(body, tally, route);
  const { stream } = route;
  const streaming = stream === undefined ? {} : { stream };
  if (Array.isArray(body.messages)) return { ...readMessages(body, tally, route), ...streaming };
  readUnknown(body, tally);
  return {
    cap: capOf(
      body.max_tokens,
      body.max_gen_len,
      body.max_tokens_to_sample,
      fieldsOf(body.textGenerationConfig).maxTokenCount,
    ),
    ...streaming,
  };
};
