import { partTable, readContent } from "../content.ts";
import { capOf, type Fields, fieldsOf, isFields, isTokenList, listOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

// Contents are plain texts; lists of parts only come from clients of other formats.
const parts = partTable("type", {
  text: ({ text }, tally) => {
    tally.text(text);
  },
});

const readImages = (images: unknown, tally: Tally): void => {
  for (const image of listOf(images)) tally.image({ source: sourceOf(image) });
};

function readMessage(message: unknown, tally: Tally): void {
  tally.message();
  const fields = fieldsOf(message);
  readContent(fields.content, parts, tally);
  readContent(fields.parts, parts, tally);
  tally.text(fields.thinking);
  tally.text(fields.tool_name);
  readImages(fields.images, tally);
  for (const call of listOf(fields.tool_calls)) {
    const { name, arguments: given } = fieldsOf(fieldsOf(call).function);
    tally.text(name);
    if (isFields(given)) tally.json(given);
    else tally.text(given);
  }
}

const readFormat = (format: unknown, tally: Tally): void => {
  if (isFields(format)) tally.json(format);
};

// Streams unless told otherwise, unlike every other API.
const readingOf = (body: Fields): Reading => ({
  cap: capOf(fieldsOf(body.options).num_predict),
  stream: body.stream !== false,
});

/** `POST /api/chat`. */
export const readOllamaChat: RequestReader = (body, tally): Reading => {
  const messages = listOf(body.messages);
  if (messages.length > 0) tally.conversation();
  for (const message of messages) readMessage(message, tally);
  for (const tool of listOf(body.tools)) tally.tool(fieldsOf(tool).function ?? tool);
  readFormat(body.format, tally);
  return readingOf(body);
};

/** `POST /api/generate`. */
export const readOllamaGenerate: RequestReader = (body, tally): Reading => {
  for (const text of [body.prompt, body.suffix, body.system, body.template]) tally.text(text);
  readImages(body.images, tally);
  // What an earlier answer returned: the conversation so far, in tokens.
  if (isTokenList(body.context)) tally.tokens(body.context.length);
  readFormat(body.format, tally);
  return readingOf(body);
};
