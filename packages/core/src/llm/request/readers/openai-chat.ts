import { partTable, readContent } from "../content.ts";
import { capOf, countOf, type Fields, fieldsOf, isFields, listOf, textOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

const parts = partTable("type", {
  text: ({ text }, tally) => {
    tally.text(text);
  },
  refusal: ({ refusal }, tally) => {
    tally.text(refusal);
  },
  image_url: (part, tally) => {
    const { image_url: image, detail } = part;
    const { url, detail: inner } = fieldsOf(image);
    tally.image({ source: sourceOf(url ?? image), detail: textOf(inner ?? detail) });
  },
  input_audio: (_, tally) => {
    tally.media("audio");
  },
  file: (_, tally) => {
    tally.media("document");
  },
});

function readCall(call: unknown, tally: Tally): void {
  const { function: called, custom } = fieldsOf(call);
  for (const { name, arguments: given, input } of [fieldsOf(called), fieldsOf(custom)]) {
    tally.text(name);
    // A string by the book; objects are sent by compatible servers.
    if (isFields(given)) tally.json(given);
    else tally.text(given);
    tally.text(input);
  }
}

function readMessage(message: unknown, tally: Tally): void {
  tally.message();
  const { content, parts: uiParts, refusal, name, tool_calls: calls, ...rest } = fieldsOf(message);
  readContent(content, parts, tally);
  readContent(uiParts, parts, tally);
  tally.text(refusal);
  tally.text(name);
  tally.text(rest.reasoning_content);
  for (const call of listOf(calls)) readCall(call, tally);
  if (rest.function_call !== undefined) readCall({ function: rest.function_call }, tally);
  if (isFields(rest.audio)) tally.media("audio");
}

function readTool(tool: unknown, tally: Tally): void {
  const { function: declared, custom } = fieldsOf(tool);
  const definition = declared ?? custom;
  if (definition === undefined) tally.hidden();
  tally.tool(definition ?? tool);
}

/** Whether the stream of a body will carry usage; OpenAI's chat and completions have to be asked. */
export const streamsUsage = (body: Fields): boolean =>
  body.stream !== true || fieldsOf(body.stream_options).include_usage === true;

/** `POST /v1/chat/completions`. */
export const readChat: RequestReader = (body, tally): Reading => {
  const messages = listOf(body.messages);
  if (messages.length > 0) tally.conversation();
  for (const message of messages) readMessage(message, tally);
  for (const tool of listOf(body.tools)) readTool(tool, tally);
  for (const declared of listOf(body.functions)) tally.tool(declared);
  const { json_schema: schema } = fieldsOf(body.response_format);
  tally.json(schema);
  const { content: predicted } = fieldsOf(body.prediction);
  readContent(predicted, parts, tally);
  // Neither is input in the way of text: searches add pages, and predictions are billed as output.
  if (isFields(body.web_search_options) || isFields(body.prediction)) tally.hidden();

  return {
    cap: capOf(body.max_completion_tokens, body.max_tokens),
    multiplicity: countOf(body.n),
    stream: body.stream === true,
    usageRequested: streamsUsage(body),
  };
};
