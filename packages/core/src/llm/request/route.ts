import type { Api, Provider } from "../tokens.ts";

/** What the route says of a request. */
export interface Route {
  readonly provider: Provider;
  readonly api: Api;
  /** Where the path has it: a model, a deployment, an inference profile or an ARN. */
  readonly model?: string | undefined;
  /** Where the path says so. */
  readonly stream?: boolean;
  /** Set on the routes that count or look up, and generate nothing. */
  readonly generates?: false;
}

/** Longer paths than any of a provider's; the rest of one is not looked at. */
const MAX_PATH = 4096;

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

type RouteReader = (match: RegExpExecArray) => Route;

const openai =
  (api: Api, rest: Partial<Route> = {}): RouteReader =>
  () => ({ provider: "openai", api, ...rest });

const ollama =
  (api: Api): RouteReader =>
  () => ({ provider: "ollama", api });

const geminiRoute: RouteReader = ([, model = "", action = ""]) => {
  const route = { provider: "gemini", model: decoded(model) } as const;
  const lower = action.toLowerCase();
  if (lower.includes("embed")) return { ...route, api: "embeddings" };
  const stream = lower.startsWith("stream");
  return lower.startsWith("count")
    ? { ...route, api: "generateContent", stream, generates: false }
    : { ...route, api: "generateContent", stream };
};

const bedrockRoute: RouteReader = ([, model = "", action = ""]) => ({
  provider: "bedrock",
  api: action.startsWith("converse") ? "converse" : "invoke",
  model: decoded(model),
  stream: action.includes("stream"),
});

// The ends of paths, since an application mounts them where it likes. First match wins.
const routes: readonly (readonly [RegExp, RouteReader])[] = [
  [/\/chat\/completions$/, openai("chat")],
  [/\/completions$/, openai("completions")],
  [/\/(?:v\d\w*|openai)\/responses$/, openai("responses")],
  [/\/responses\/input_tokens$/, openai("responses", { generates: false })],
  [/\/images\/(?:generations|edits|variations)$/, openai("images")],
  [/\/api\/chat$/, ollama("ollamaChat")],
  [/\/api\/generate$/, ollama("ollamaGenerate")],
  [/\/api\/(?:embed|embeddings)$/, ollama("ollamaEmbed")],
  [/\/embeddings$/, openai("embeddings")],
  [/\/v\d\w*\/messages$/, () => ({ provider: "anthropic", api: "messages" })],
  [
    /\/messages\/count_tokens$/,
    () => ({ provider: "anthropic", api: "messages", generates: false }),
  ],
  [/\/(?:models|tunedModels)\/([^/:]+):([A-Za-z]+)$/, geminiRoute],
  [/\/model\/(.+)\/(converse|converse-stream|invoke|invoke-with-response-stream)$/, bedrockRoute],
];

// Only Azure has deployments, and a version below `openai`.
function onAzure(path: string, route: Route): Route {
  if (route.provider !== "openai") return route;
  const deployment = /\/openai\/deployments\/([^/]+)\//.exec(path)?.[1];
  if (deployment !== undefined) return { ...route, provider: "azure", model: decoded(deployment) };
  return /\/openai\/(?:v1\/|responses)/.test(path) ? { ...route, provider: "azure" } : route;
}

/** The API of a path, with or without host and query; `undefined` for a path of none we know. */
export function routeOf(path: string): Route | undefined {
  const bare = path.slice(0, MAX_PATH).replace(/[?#].*$/s, "");
  const trimmed = bare.endsWith("/") ? bare.slice(0, -1) : bare;
  for (const [pattern, read] of routes) {
    const match = pattern.exec(trimmed);
    if (match !== null) return onAzure(trimmed, read(match));
  }
  return undefined;
}
