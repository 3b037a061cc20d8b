import { partTable, readContent } from "../content.ts";
import { capOf, type Fields, fieldsOf, isFields, listOf, textOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

const text = (part: Fields, tally: Tally): void => {
  tally.text(part.text);
};

const message = ({ content }: Fields, tally: Tally): unknown => {
  tally.message();
  return content;
};

const items = partTable(
  "type",
  {
    message,
    input_text: text,
    output_text: text,
    text,
    summary_text: text,
    reasoning_text: text,
    refusal: ({ refusal }, tally) => {
      tally.text(refusal);
    },
    // The address is a text here, and an object only with clients of the chat format.
    input_image: ({ image_url: image, detail }, tally) => {
      const { url, detail: inner } = fieldsOf(image);
      tally.image({ source: sourceOf(url ?? image), detail: textOf(detail ?? inner) });
    },
    computer_screenshot: ({ image_url: image }, tally) => {
      tally.image({ source: sourceOf(image) });
    },
    image_generation_call: ({ result }, tally) => {
      tally.image({ source: sourceOf(result) });
    },
    input_file: (_, tally) => {
      tally.media("document");
    },
    input_audio: (_, tally) => {
      tally.media("audio");
    },
    function_call: ({ name, arguments: given }, tally) => {
      tally.text(name);
      tally.text(given);
    },
    function_call_output: ({ output }) => output,
    custom_tool_call: ({ name, input }, tally) => {
      tally.text(name);
      tally.text(input);
    },
    custom_tool_call_output: ({ output }) => output,
    reasoning: ({ summary, content, encrypted_content: sealed }, tally) => {
      if (sealed !== undefined && sealed !== null) tally.sealed(sealed);
      return [summary, content];
    },
    item_reference: (_, tally) => {
      tally.hidden();
    },
  },
  message,
);

function readTool(tool: unknown, tally: Tally): void {
  const { type } = fieldsOf(tool);
  // Tools that the server itself runs put their findings before the model.
  if (type !== "function" && type !== "custom") tally.hidden();
  tally.tool(tool);
}

const idOf = (value: unknown): string | undefined => textOf(value) ?? textOf(fieldsOf(value).id);

function readVariables(variables: unknown, tally: Tally): void {
  for (const value of Object.values(fieldsOf(variables))) readContent(value, items, tally);
}

/** `POST /v1/responses`. */
export const readResponses: RequestReader = (body, tally): Reading => {
  tally.conversation();
  readContent(body.instructions, items, tally);
  if (typeof body.input === "string") tally.message();
  readContent(body.input, items, tally);
  for (const tool of listOf(body.tools)) readTool(tool, tally);
  tally.json(fieldsOf(fieldsOf(body.text).format).schema);
  if (isFields(body.prompt)) readVariables(body.prompt.variables, tally);

  const conversation =
    idOf(body.previous_response_id) ?? idOf(body.conversation) ?? idOf(body.prompt);
  if (conversation !== undefined) tally.hidden();
  return { cap: capOf(body.max_output_tokens), stream: body.stream === true, conversation };
};
