import { fieldsOf, type Fields, listOf, textOf } from "./request/fields.ts";

/** What a call to a model of the AI SDK asks for, as far as it counts here. */
export interface AiSdkParams {
  readonly prompt: readonly object[];
  readonly maxOutputTokens?: number | undefined;
  readonly tools?: readonly object[] | undefined;
  readonly responseFormat?: object | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  readonly providerOptions?: Readonly<Record<string, Fields>> | undefined;
}

/** The path whose format {@link chatBodyOf} writes. */
export const CHAT_PATH = "/v1/chat/completions";

/** The call as OpenAI's chat would have it, for the estimate; it is not sent. */
export const chatBodyOf = (
  { prompt, maxOutputTokens, tools = [], responseFormat }: AiSdkParams,
  model: string,
  stream: boolean,
): Fields => ({
  model,
  stream,
  messages: prompt.map((message) => messageOf(fieldsOf(message))),
  max_completion_tokens: maxOutputTokens,
  tools: tools.map((tool) => toolOf(fieldsOf(tool))),
  response_format: formatOf(fieldsOf(responseFormat)),
  // The usage of a stream is in its last part, whatever the provider has to be asked for it.
  stream_options: { include_usage: true },
});

const formatOf = ({ schema }: Fields): Fields | undefined =>
  schema === undefined ? undefined : { json_schema: { schema } };

function messageOf({ role, content }: Fields): Fields {
  if (typeof content === "string") return { role, content };
  const parts = listOf(content).map(fieldsOf);
  return {
    role,
    content: parts.flatMap(partsOf),
    tool_calls: parts.flatMap(({ type, toolName, input }) =>
      type === "tool-call" ? [{ function: { name: toolName, arguments: input } }] : [],
    ),
  };
}

const text = (value: unknown): Fields => ({ type: "text", text: value });

function partsOf(part: Fields): readonly Fields[] {
  const { type } = part;
  if (type === "text" || type === "reasoning") return [text(part.text)];
  if (type === "file" || type === "reasoning-file") return [fileOf(part)];
  return type === "tool-result" ? resultOf(part) : [];
}

function resultOf({ output }: Fields): readonly Fields[] {
  const { type, value, reason } = fieldsOf(output);
  if (type === "content") return listOf(value).map(fieldsOf).flatMap(contentOf);
  if (typeof value === "string") return [text(value)];
  return [text(value === undefined ? reason : JSON.stringify(value))];
}

// Version 2 of the interface says `media` and the later ones `file`.
const contentOf = (item: Fields): readonly Fields[] =>
  item.type === "text" ? [text(item.text)] : [fileOf(item)];

function fileOf({ mediaType, data }: Fields): Fields {
  const { type, data: inner, text: inline } = fieldsOf(data);
  if (type === "text") return text(inline);
  const [family] = (textOf(mediaType) ?? "").split("/");
  const bytes = type === "data" ? inner : data;
  // Bytes and base64 tell the size of a picture; an address, of whatever kind, does not.
  if (family === "image") return { type: "image_url", image_url: isContent(bytes) ? bytes : "" };
  if (family === "text" && typeof bytes === "string") return text(bytes);
  return { type: family === "audio" ? "input_audio" : "file" };
}

const isContent = (bytes: unknown): boolean =>
  typeof bytes === "string" || bytes instanceof Uint8Array;

function toolOf(tool: Fields): Fields {
  const { type, name, description, inputSchema } = tool;
  // What the provider itself runs is declared by a name and puts its findings before the model.
  if (type !== "function") return { type, name };
  return { type, function: { name, description, parameters: inputSchema } };
}
