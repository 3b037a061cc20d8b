/** The clients that providers and frameworks ship, with their own defaults, each asking for one answer. */
import { join } from "node:path";
import { constants, runInThisContext } from "node:vm";

import type * as AiSdkOpenAi from "@ai-sdk/openai";
import type * as Anthropic from "@anthropic-ai/sdk";
import type * as LangChain from "@langchain/openai";
import type * as AiSdk from "ai";
import type * as OpenAi6 from "openai6";
import type * as OpenAi7 from "openai7";

interface Load {
  (name: "ai"): Promise<typeof AiSdk>;
  (name: "@ai-sdk/openai"): Promise<typeof AiSdkOpenAi>;
  (name: "@anthropic-ai/sdk"): Promise<typeof Anthropic>;
  (name: "@langchain/openai"): Promise<typeof LangChain>;
  (name: "openai6"): Promise<typeof OpenAi6>;
  (name: "openai7"): Promise<typeof OpenAi7>;
}

// By Node's own loader: an `import()` compiled for Jest is a `require`, which the AI SDK does not
// offer. So the clients also run as they do in an application.
const load: Load = runInThisContext("(name) => import(name)", {
  filename: join(__dirname, "official-clients.clients.ts"),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

/** Where to ask, as whom, and until when. */
export interface Call {
  /** Without `/v1`. */
  readonly url: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface Client {
  readonly name: string;
  /** Clients of a family treat refusals alike. */
  readonly family: "openai" | "anthropic" | "ai" | "langchain";
  /** Where it asks. */
  readonly path: string;
  /** The text of the answer. Loads the client when it is called first. */
  readonly ask: (call: Call) => Promise<string>;
}

const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const model = "stand-in";
const question = { role: "user", content: "ping" } as const;

async function askOpenAi6({ url, key, signal }: Call): Promise<string> {
  const { OpenAI } = await load("openai6");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const call = { model, messages: [question] };
  const { choices } = await client.chat.completions.create(call, { signal });
  return choices[0]?.message.content ?? "";
}

async function askOpenAi7({ url, key, signal }: Call): Promise<string> {
  const { OpenAI } = await load("openai7");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const call = { model, messages: [question] };
  const { choices } = await client.chat.completions.create(call, { signal });
  return choices[0]?.message.content ?? "";
}

async function askOpenAi7Responses({ url, key, signal }: Call): Promise<string> {
  const { OpenAI } = await load("openai7");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const call = { model, input: question.content };
  return (await client.responses.create(call, { signal })).output_text;
}

async function askAnthropic({ url, key, signal }: Call): Promise<string> {
  const { Anthropic: Sdk } = await load("@anthropic-ai/sdk");
  const client = new Sdk({ baseURL: url, apiKey: key });
  const call = { model, max_tokens: 10, messages: [question] };
  const { content } = await client.messages.create(call, { signal });
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

const askAiSdk =
  (api: "chat" | "responses"): Client["ask"] =>
  async ({ url, key, signal }) => {
    const { generateText } = await load("ai");
    const { createOpenAI } = await load("@ai-sdk/openai");
    const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
    const call = { model: provider[api](model), prompt: question.content, abortSignal: signal };
    return (await generateText(call)).text;
  };

async function askLangChain({ url, key, signal }: Call): Promise<string> {
  const { ChatOpenAI } = await load("@langchain/openai");
  const configuration = { baseURL: `${url}/v1` };
  const client = new ChatOpenAI({ model, apiKey: key, configuration });
  return (await client.invoke(question.content, { signal })).text;
}

export const clients: readonly Client[] = [
  { name: "openai 6.49 chat", family: "openai", path: CHAT, ask: askOpenAi6 },
  { name: "openai 7.57 chat", family: "openai", path: CHAT, ask: askOpenAi7 },
  { name: "openai 7.57 responses", family: "openai", path: RESPONSES, ask: askOpenAi7Responses },
  {
    name: "@anthropic-ai/sdk 1.12",
    family: "anthropic",
    path: "/v1/messages",
    ask: askAnthropic,
  },
  { name: "ai 7.0 chat", family: "ai", path: CHAT, ask: askAiSdk("chat") },
  { name: "ai 7.0 responses", family: "ai", path: RESPONSES, ask: askAiSdk("responses") },
  { name: "@langchain/openai 1.6", family: "langchain", path: CHAT, ask: askLangChain },
];
