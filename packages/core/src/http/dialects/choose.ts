import { choose } from "../header-options.ts";
import { anthropicDialect } from "./anthropic.ts";
import { azureDialect } from "./azure.ts";
import { type Dialect, dialectChoices, type DialectName, type DialectOption } from "./dialect.ts";
import { ietfDialect } from "./ietf.ts";
import { openAiDialect } from "./openai.ts";

const dialects = {
  ietf: ietfDialect,
  openai: openAiDialect,
  azure: azureDialect,
  anthropic: anthropicDialect,
} as const satisfies Record<DialectName, Dialect>;

// Ends of paths, since services mount these APIs below prefixes of their own.
const openAiPaths =
  /\/(?:completions|responses|embeddings|moderations|images\/(?:generations|edits|variations)|audio\/(?:speech|transcriptions|translations))$/;
const azurePath = /\/openai\/deployments\/[^/]+\/[^/]/;
const anthropicPath = /\/v1\/messages(?:\/count_tokens|\/batches)?$/;
const messagesPath = /\/messages(?:\/count_tokens|\/batches)?$/;

/**
 * The dialect of the API that a request is made to. Azure's comes first, because its paths end like
 * OpenAI's.
 */
export function dialectOfPath(
  path: string,
  header: (name: string) => string | undefined,
): DialectName {
  const bare = path.endsWith("/") ? path.slice(0, -1) : path;
  if (azurePath.test(bare)) return "azure";
  if (openAiPaths.test(bare)) return "openai";
  if (anthropicPath.test(bare)) return "anthropic";
  // The path is common elsewhere; the field is not, and Anthropic requires it.
  const versioned = header("anthropic-version") !== undefined;
  return versioned && messagesPath.test(bare) ? "anthropic" : "ietf";
}

/** Checks a `dialect` option. */
export const parseDialect = (
  value: unknown,
  path: string,
  standard: DialectOption = "auto",
): DialectOption => (value === undefined ? standard : choose(value, path, dialectChoices));

/** The dialect to answer a request in. */
export const dialectFor = (
  option: DialectOption,
  path: string | undefined,
  header: (name: string) => string | undefined,
): Dialect => dialects[option === "auto" ? dialectOfPath(path ?? "", header) : option];
