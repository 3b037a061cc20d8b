import type { MediaConstants } from "../media/constants.ts";
import type { Tokenizer } from "../text/exact.ts";
import type { Api, Provider } from "../tokens.ts";
import { type Fields, isFields, textOf, times } from "./fields.ts";
import { clippedId, modelName } from "./model-name.ts";
import type { Reading, RequestReader } from "./reader.ts";
import { readMessages } from "./readers/anthropic.ts";
import { readConverse, readInvoke } from "./readers/bedrock.ts";
import { readEmbeddings } from "./readers/embeddings.ts";
import { readGemini } from "./readers/gemini.ts";
import { readOllamaChat, readOllamaGenerate } from "./readers/ollama.ts";
import { readChat } from "./readers/openai-chat.ts";
import { readCompletions } from "./readers/openai-completions.ts";
import { readImages } from "./readers/openai-images.ts";
import { readResponses } from "./readers/openai-responses.ts";
import { type Route, routeOf } from "./route.ts";
import { shapeOf } from "./shape.ts";
import { newTally, NODE_BUDGET, type Tally } from "./tally.ts";
import { readUnknown } from "./unknown-value.ts";

/** What the estimate may know besides the body. */
export interface EstimateOptions {
  /** Path of the request, to tell the API and, where it is in the path, the model. */
  readonly path?: string;
  /** Declared length in bytes, for bodies nobody parsed. */
  readonly contentLength?: number;
  /** Model behind a deployment name, inference profile or alias. */
  readonly models?: Readonly<Record<string, string>>;
  /** What the text estimate is multiplied with, by the beginning of a model's name. */
  readonly multipliers?: ReadonlyMap<string, number>;
  /** Counts text instead of the estimate; its failure falls back to the estimate. */
  readonly tokenizer?: Tokenizer;
  /** Tokens for what has no size in the body. */
  readonly media?: MediaConstants;
  /** Tokens of a body that nobody parsed and whose length nobody declared. @default 4096 */
  readonly unknownBodyTokens?: number;
}

/** What a request will have a model read, and lets it write. */
export interface RequestEstimate {
  readonly provider: Provider;
  readonly api: Api;
  /** In lower case and clipped; the client's word. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** An integer, rounded up. */
  readonly inputToken: number;
  /** Most the answer may have, all choices together; `undefined` is no cap, 0 is a cap. */
  readonly maxOutputToken: number | undefined;
  /** How many answers are generated. */
  readonly multiplicity: number;
  /** Whether any output is produced; not by embeddings, nor by endpoints that only count. */
  readonly generates: boolean;
  /** Whether text alone made the estimate, so that it can be calibrated. */
  readonly textOnly: boolean;
  /** Id of a stored conversation or prompt that the body continues, at most 256 characters. */
  readonly conversation: string | undefined;
  /** Whether a stream will carry usage; also true where no asking is needed. */
  readonly usageRequested: boolean;
}

/** Bytes to a token where nothing is known but a length. */
const BYTES_PER_TOKEN = 4;

const DEFAULT_UNKNOWN_BODY = 4096;

const unknownRoute: Route = { provider: "unknown", api: "unknown" };

const readAny: RequestReader = (body, tally) => {
  readUnknown(body, tally);
  return { cap: undefined, stream: body.stream === true };
};

const readers: Readonly<Record<Api, RequestReader>> = {
  chat: readChat,
  completions: readCompletions,
  responses: readResponses,
  embeddings: readEmbeddings,
  images: readImages,
  messages: readMessages,
  generateContent: readGemini,
  converse: readConverse,
  invoke: readInvoke,
  ollamaChat: readOllamaChat,
  ollamaGenerate: readOllamaGenerate,
  ollamaEmbed: readEmbeddings,
  unknown: readAny,
};

const isStreamedByDefault = (api: Api): boolean => api === "ollamaChat" || api === "ollamaGenerate";

const integer = (tokens: number): number =>
  // The sum of what was exact must not be one more for the noise of the additions.
  Math.min(Math.max(0, Math.ceil(tokens - 1e-6)), Number.MAX_SAFE_INTEGER);

const byLength = (contentLength: number | undefined): number | undefined =>
  contentLength !== undefined && contentLength >= 0 ? contentLength / BYTES_PER_TOKEN : undefined;

const tallyOf = (route: Route, model: string | undefined, options: EstimateOptions): Tally =>
  newTally({
    model,
    provider: route.provider,
    multipliers: options.multipliers,
    tokenizer: options.tokenizer,
    media: options.media,
  });

function estimateOf(
  route: Route,
  model: string | undefined,
  inputToken: number,
  textOnly: boolean,
  reading: Reading,
): RequestEstimate {
  const { provider, api } = route;
  const { cap, multiplicity = 1, conversation, usageRequested = true } = reading;
  const generates =
    route.generates !== false &&
    api !== "embeddings" &&
    api !== "ollamaEmbed" &&
    !(api === "invoke" && model?.includes("embed") === true);
  return {
    provider,
    api,
    model,
    stream: generates && (route.stream ?? reading.stream ?? isStreamedByDefault(api)),
    inputToken: integer(inputToken),
    maxOutputToken: !generates ? 0 : cap === undefined ? undefined : times(cap, multiplicity),
    multiplicity,
    generates,
    textOnly,
    conversation: clippedId(conversation),
    usageRequested,
  };
}

/** A body that nobody parsed: its text, its bytes, its declared length, or nothing at all. */
function estimateUnparsed(body: unknown, options: EstimateOptions): RequestEstimate {
  const route = routeOf(options.path ?? "") ?? unknownRoute;
  const model = modelName(route.model, options.models);
  const tally = tallyOf(route, model, options);
  const { unknownBodyTokens = DEFAULT_UNKNOWN_BODY } = options;
  let tokens: number;
  if (typeof body === "string") {
    tally.text(body);
    tokens = tally.result().tokens;
  } else if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) {
    tokens = body.byteLength / BYTES_PER_TOKEN;
  } else {
    tokens = byLength(options.contentLength) ?? unknownBodyTokens;
    // A form with pictures: its bytes are pixels, of which no model reads one in four.
    if (route.api === "images") {
      tally.image({});
      tokens = Math.min(tokens, unknownBodyTokens) + tally.result().tokens;
    }
  }
  return estimateOf(route, model, tokens, false, { cap: undefined });
}

// Express 4 leaves an empty object where its parser did not apply.
const isUnparsed = (body: Fields, contentLength = 0): boolean =>
  contentLength > 16 && Object.keys(body).length === 0;

function finish(
  route: Route,
  model: string | undefined,
  tally: Tally,
  reading: Reading,
  { contentLength }: EstimateOptions,
): RequestEstimate {
  const { tokens, textOnly, exhausted } = tally.result();
  // What was not looked at is not free: one token for each value that was, or the length.
  const floor = exhausted ? Math.max(NODE_BUDGET, byLength(contentLength) ?? 0) : 0;
  return estimateOf(route, model, Math.max(tokens, floor), textOnly, reading);
}

function estimateFields(body: Fields, options: EstimateOptions): RequestEstimate {
  const route = routeOf(options.path ?? "") ?? shapeOf(body);
  const named = route.model ?? textOf(body.model) ?? textOf(body.modelId);
  const model = modelName(named, options.models);
  const tally = tallyOf(route, model, options);
  const reading = readers[route.api](body, tally, route);
  // The route promised a format that the body does not have: what it says is read all the same.
  if (tally.result().empty) readUnknown(body, tally);
  return finish(route, model, tally, reading, options);
}

// No format of an API is a list, but applications have their own.
function estimateList(body: readonly unknown[], options: EstimateOptions): RequestEstimate {
  const route = routeOf(options.path ?? "") ?? unknownRoute;
  const model = modelName(route.model, options.models);
  const tally = tallyOf(route, model, options);
  readUnknown(body, tally);
  return finish(route, model, tally, { cap: undefined }, options);
}

/**
 * How many tokens a request will have its model read, and how many it lets it write, from a parsed
 * body. Takes time in proportion to the body and never throws: of what it cannot read, it
 * estimates the text or the length.
 */
export function estimateRequest(body: unknown, options: EstimateOptions = {}): RequestEstimate {
  try {
    if (Array.isArray(body)) return estimateList(body, options);
    if (
      isFields(body) &&
      !(body instanceof ArrayBuffer) &&
      !isUnparsed(body, options.contentLength)
    )
      return estimateFields(body, options);
    return estimateUnparsed(body, options);
  } catch {
    // Only objects with getters or traps come here, which no parser makes.
    return estimateUnparsed(undefined, options);
  }
}
