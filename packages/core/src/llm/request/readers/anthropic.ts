import { partTable, readContent } from "../content.ts";
import { capOf, type Fields, fieldsOf, listOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

/** The system prompt that tools bring along: "some hundred tokens", more or less by model. */
const TOOL_PROMPT = 300;

const image = ({ source }: Fields, tally: Tally): void => {
  tally.image({ source: sourceOf(fieldsOf(source).data) });
};

const call = ({ name, input }: Fields, tally: Tally): void => {
  tally.text(name);
  tally.json(input);
};

const result = ({ content }: Fields): unknown => content;

function readDocument({ source, title, context }: Fields, tally: Tally): unknown {
  tally.text(title);
  tally.text(context);
  const { type, data, content } = fieldsOf(source);
  if (type === "text") tally.text(data);
  else if (type !== "content") tally.media("document");
  return content;
}

const blocks = partTable("type", {
  text: ({ text }, tally) => {
    tally.text(text);
  },
  image,
  document: readDocument,
  search_result: ({ title, source, content }, tally) => {
    tally.text(title);
    tally.text(source);
    return content;
  },
  thinking: ({ thinking }, tally) => {
    tally.text(thinking);
  },
  redacted_thinking: ({ data }, tally) => {
    tally.sealed(data);
  },
  tool_use: call,
  server_tool_use: call,
  mcp_tool_use: call,
  tool_result: result,
  mcp_tool_result: result,
  web_search_tool_result: result,
  web_search_result: ({ title, url, encrypted_content: sealed }, tally) => {
    tally.text(title);
    tally.text(url);
    tally.sealed(sealed);
  },
  web_fetch_tool_result: result,
  web_fetch_result: result,
  container_upload: (_, tally) => {
    tally.media("document");
  },
});

function readTool(tool: unknown, tally: Tally): void {
  const { name, description, input_schema: schema } = fieldsOf(tool);
  if (schema === undefined) tally.hidden();
  tally.tool(schema === undefined ? tool : { name, description, input_schema: schema });
}

/** `POST /v1/messages`. */
export const readMessages: RequestReader = (body, tally): Reading => {
  tally.conversation();
  readContent(body.system, blocks, tally);
  for (const one of listOf(body.messages)) {
    tally.message();
    readContent(fieldsOf(one).content, blocks, tally);
  }
  const tools = listOf(body.tools);
  if (tools.length > 0) tally.framing(TOOL_PROMPT);
  for (const tool of tools) readTool(tool, tally);
  if (listOf(body.mcp_servers).length > 0) tally.hidden();
  tally.json(fieldsOf(fieldsOf(body.output_config).format).schema);
  tally.json(fieldsOf(body.output_format).schema);
  return { cap: capOf(body.max_tokens), stream: body.stream === true };
};
