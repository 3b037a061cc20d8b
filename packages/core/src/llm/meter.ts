import type { Cost } from "../cost.ts";
import { configError } from "../errors.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";
import type { Limit } from "../policy/limit.ts";
import type { Subject } from "../subject.ts";
import { type CostOptions, CostTable } from "./cost/cost-table.ts";
import { Calibration } from "./learn/calibration.ts";
import { Conversations } from "./learn/conversations.ts";
import { OutputHistory } from "./learn/output-history.ts";
import { defaultMedia, type MediaConstants } from "./media/constants.ts";
import { type CallSettlement, MeteredCall } from "./metered-call.ts";
import { type CallPolicy, type LlmPolicy, parsePolicy, policyNames } from "./policy.ts";
import {
  estimateRequest,
  type EstimateOptions,
  type RequestEstimate,
} from "./request/estimate-request.ts";
import { modelName } from "./request/model-name.ts";
import type { Tokenizer } from "./text/exact.ts";
import { noTokens, type TokenUsage } from "./tokens.ts";
import { readUsage } from "./usage/read-usage.ts";

/** How much output is held for an answer of unknown length. */
export interface OutputGuess {
  /** Tokens, until 20 answers of the subject and model are known. @default 1024 */
  readonly initial?: number;
  /** The share of answers that are not longer than what is held, 0.5 to 0.999. @default 0.99 */
  readonly quantile?: number;
  /** The most that one answer may hold of a limit, above 0 and up to 1. @default 0.25 */
  readonly fraction?: number;
}

/** How LLM calls are estimated, measured and priced. */
export interface LlmOptions extends LlmPolicy {
  /** What tokens cost, by limit type: weights or prices. `token`, `inputToken` and `outputToken` are built in. */
  readonly cost?: CostOptions;
  readonly outputGuess?: OutputGuess;
  /** Correct estimates by what was settled before, per tenant and model. @default true */
  readonly calibrate?: boolean;
  /** Model names behind deployments, inference profiles and aliases. */
  readonly models?: Readonly<Record<string, string>>;
  /** Tokens per token of `o200k_base`, by prefix of the model name; the longest prefix counts. */
  readonly multipliers?: Readonly<Record<string, number>>;
  /**
   * Counts a text exactly, in place of the estimate. Given at most 1024 characters at a time; where it
   * throws, the estimate stands in.
   */
  readonly tokenizer?: Tokenizer;
  /** Tokens for media whose size the body does not tell. */
  readonly media?: MediaConstants;
  /** Input tokens for a body without parser and length. @default 4096 */
  readonly unknownBodyTokens?: number;
}

/** A call to be metered. */
export interface CallRequest {
  readonly subject: Subject;
  /** The parsed request body. */
  readonly body: unknown;
  /** The limits it will meet. */
  readonly limits: readonly Limit[];
  /** Path of the request, which tells the API and sometimes the model. */
  readonly path?: string | undefined;
  /** Length of the body in bytes. */
  readonly contentLength?: number | undefined;
  readonly policy?: CallPolicy | undefined;
}

const optionNames = [
  ...policyNames,
  "cost",
  "outputGuess",
  "calibrate",
  "models",
  "multipliers",
  "tokenizer",
  "media",
  "unknownBodyTokens",
];

/** Estimates LLM calls, measures them, and learns from the difference. One per limiter. */
export class LlmMeter {
  readonly costs: CostTable;
  /** What holds unless a route or a call says otherwise. */
  readonly policy: CallPolicy;
  readonly outputs: OutputHistory;
  /** `undefined` when estimates are not to be corrected. */
  readonly calibration: Calibration | undefined;
  readonly conversations: Conversations;
  readonly guess: Required<OutputGuess>;
  readonly tokenizer: Tokenizer | undefined;
  readonly multipliers: ReadonlyMap<string, number>;
  readonly #estimate: EstimateOptions;

  /** @throws TollgateError `INVALID_CONFIG`, with the path of the offending value */
  constructor(options: LlmOptions = {}) {
    checkNames(options);
    this.policy = parsePolicy(options, "llm");
    this.costs = new CostTable(options.cost);
    this.guess = parseGuess(options.outputGuess);
    this.outputs = new OutputHistory({ quantile: this.guess.quantile });
    this.calibration = parseFlag(options.calibrate, "llm.calibrate")
      ? new Calibration()
      : undefined;
    this.conversations = new Conversations();
    this.tokenizer = parseTokenizer(options.tokenizer);
    this.multipliers = new Map(
      Object.entries(parseNumbers(options.multipliers, "llm.multipliers", isMultiplier)),
    );
    this.#estimate = {
      models: parseModels(options.models),
      multipliers: this.multipliers,
      media: parseMedia(options.media),
      unknownBodyTokens: parseTokens(options.unknownBodyTokens, "llm.unknownBodyTokens", 4096),
      ...(this.tokenizer === undefined ? {} : { tokenizer: this.tokenizer }),
    };
  }

  /** The limit types it can tell amounts for. */
  get types(): ReadonlySet<string> {
    return this.costs.types;
  }

  /** What a request will read, and may write: from its body and, where known, its path. */
  readonly estimate = (
    body: unknown,
    { path, contentLength }: Pick<CallRequest, "path" | "contentLength"> = {},
  ): RequestEstimate =>
    estimateRequest(body, {
      ...this.#estimate,
      ...(path === undefined ? {} : { path }),
      ...(contentLength === undefined ? {} : { contentLength }),
    });

  /** What tokens cost in the given limit types. */
  readonly costOf = (usage: TokenUsage, model: string | undefined, types: Iterable<string>): Cost =>
    this.costs.costOf(usage, model, types);

  /** The name under which a model is priced: aliases resolved, without what says where it is. */
  readonly modelOf = (name: string | undefined): string | undefined =>
    modelName(name, this.#estimate.models);

  /**
   * What a provider's usage object, or an answer that holds one, comes to in the given limit types.
   * @param request what stands in for input and model where the value does not tell them
   * @returns `undefined` when the value has no usage
   */
  readonly reported = (
    value: unknown,
    types: Iterable<string>,
    request: { readonly input: number; readonly model: string } = { input: 0, model: "" },
  ): CallSettlement | undefined => {
    const read = readUsage(value);
    if (read === undefined) return undefined;
    const usage = { ...noTokens, ...read, input: read.input ?? request.input };
    const known = [...types].filter((type) => this.types.has(type));
    const model = this.modelOf(modelIn(value)) ?? request.model;
    return { cost: this.costOf(usage, model, known), source: "measured", usage };
  };

  /** Begins the metering of a call. */
  readonly call = (request: CallRequest): MeteredCall =>
    new MeteredCall(this, request, this.estimate(request.body, request));
}

/** The model that an answer says it comes from. */
function modelIn(answer: unknown): string | undefined {
  const { model, modelVersion }: { model?: unknown; modelVersion?: unknown } = Object(answer);
  const named = model ?? modelVersion;
  return typeof named === "string" ? named : undefined;
}

function checkNames(options: unknown): void {
  if (!isObject(options)) throw configError("llm", "an object", options);
  rejectUnknownKeys(options, optionNames, "llm");
}

const isTokens = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const isMultiplier = (value: unknown): value is number =>
  typeof value === "number" && value > 0 && value <= 100;

function parseTokens(value: unknown, path: string, standard: number): number {
  if (value === undefined) return standard;
  if (isTokens(value)) return value;
  throw configError(path, "a non-negative integer", value);
}

function parseFlag(value: unknown, path: string): boolean {
  if (value === undefined || value === true) return true;
  if (value === false) return false;
  throw configError(path, "true or false", value);
}

const isTokenizer = (value: unknown): value is Tokenizer => typeof value === "function";

function parseTokenizer(value: unknown): Tokenizer | undefined {
  if (value === undefined || isTokenizer(value)) return value;
  throw configError("llm.tokenizer", "a function from text to a number of tokens", value);
}

function parseNumbers(
  value: unknown,
  path: string,
  fits: (value: unknown) => value is number,
): Record<string, number> {
  if (value === undefined) return {};
  if (!isObject(value)) throw configError(path, "an object of numbers", value);
  const numbers: Record<string, number> = {};
  for (const [key, entry] of Object.entries(value)) {
    const expected = fits === isTokens ? "a non-negative integer" : "a number above 0, up to 100";
    if (!fits(entry)) throw configError(`${path}.${key}`, expected, entry);
    numbers[key] = entry;
  }
  return numbers;
}

function parseMedia(value: unknown): MediaConstants {
  if (isObject(value)) {
    rejectUnknownKeys(value, ["image", ...Object.keys(defaultMedia)], "llm.media");
  }
  return parseNumbers(value, "llm.media", isTokens);
}

function parseModels(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) throw configError("llm.models", "an object of model names", value);
  const models: Record<string, string> = {};
  for (const [key, model] of Object.entries(value)) {
    if (typeof model !== "string" || model === "") {
      throw configError(`llm.models.${key}`, "a model's name", model);
    }
    models[key] = model;
  }
  return models;
}

function parseGuess(value: unknown): Required<OutputGuess> {
  if (value !== undefined && !isObject(value)) {
    throw configError("llm.outputGuess", "an object", value);
  }
  const given = value ?? {};
  rejectUnknownKeys(given, ["initial", "quantile", "fraction"], "llm.outputGuess");
  const { initial, quantile = 0.99, fraction = 0.25 } = given;
  if (typeof quantile !== "number" || !(quantile >= 0.5 && quantile <= 0.999)) {
    throw configError("llm.outputGuess.quantile", "a number from 0.5 to 0.999", quantile);
  }
  if (typeof fraction !== "number" || !(fraction > 0 && fraction <= 1)) {
    throw configError("llm.outputGuess.fraction", "a number above 0, up to 1", fraction);
  }
  return { initial: parseTokens(initial, "llm.outputGuess.initial", 1024), quantile, fraction };
}
