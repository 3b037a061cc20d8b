import { CONCURRENCY, type Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import { configError, type TollgateError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { type LimiterOptions, limiterOptionNames } from "../limiter/limiter-options.ts";
import type { LlmPolicy } from "../llm/policy.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";
import type { LimitOverrides } from "../policy/override.ts";
import type { SubjectIds } from "../subject.ts";
import type { SlowDown } from "../waiting/slow-down.ts";
import { DEFAULT_IPV6_PREFIX } from "./address.ts";
import type { CountWhen } from "./count-when.ts";
import { parseDialect } from "./dialects/choose.ts";
import type { DialectOption } from "./dialects/dialect.ts";
import {
  choose,
  type HeaderFormat,
  type HeaderOptions,
  type HeaderSettings,
  parseHeaderOptions,
} from "./header-options.ts";
import type { Identity } from "./identity.ts";
import { parsePatience, type Patience } from "./patience.ts";
import type { RefusalResponse, RefusalStatuses } from "./response.ts";
import { ProxyWarnings } from "./warnings.ts";

/** What a `cost` callback gets beside the request. */
export interface CostContext {
  readonly subject: SubjectIds;
  /** The parsed body; `undefined` when no parser ran before the limiter. */
  readonly body: unknown;
  /** The length the client declared, in bytes; 0 where there is no body. */
  readonly contentLength: number | undefined;
}

/** What `onRefused` gets. */
export interface RefusedContext extends RefusalResponse {
  readonly decision: Decision;
  /** The refusal as an exception with `status` and `headers`, for frameworks whose handlers answer. */
  readonly error: TollgateError;
}

/** What `onRefused` may change of the answer. */
export interface RefusedAnswer {
  readonly status?: number;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: string | Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What may differ from route to route, on the same usage. */
export interface RouteOptions<Request> extends LimitOverrides {
  /**
   * What a call costs. `count` is 1 unless the callback names it. Tokens that it does not name are
   * estimated and measured; other types have no cost but what it names.
   */
  readonly cost?: (request: Request, context: CostContext) => Cost | Promise<Cost>;
  /** How LLM calls are held and settled. @default as the limiter's `llm` option says */
  readonly llm?: LlmPolicy;
  /**
   * Which requests count, by how they ended; the others are not charged their `count`. `succeeded`
   * is a response sent whole with a status below 400, `failed` any other end of a request that
   * reached a handler, `reached` both. Tokens are charged as they were spent.
   * @default 'always'
   */
  readonly countWhen?: CountWhen;
  /** Requests for which it returns true pass unmetered. */
  readonly skip?: (request: Request) => boolean | Promise<boolean>;
  /**
   * Whose rate-limit fields and error bodies are sent. `auto` goes by the request's path: SDKs of
   * LLM providers get what they understand. @default 'auto'
   */
  readonly dialect?: DialectOption;
}

/** Options of every adapter's `rateLimit`. */
export interface RateLimitOptions<Request>
  extends LimiterOptions, Pick<RouteOptions<Request>, "cost" | "countWhen" | "skip" | "dialect"> {
  /** A limiter made elsewhere, in place of `limits`, `store` and the other options of one. */
  readonly limiter?: Limiter;
  /**
   * Who calls: an id, or ids by scope. The address is added as `ip`, and as `caller` where that is
   * missing. What it throws is an error of the application, never "allowed".
   */
  readonly identify?: (request: Request) => Identity | Promise<Identity>;
  /** The client's address. @default what the framework resolved */
  readonly clientAddress?: (request: Request) => string | undefined;
  /** How many bits of an IPv6 address make a subject, 32 to 128. @default 56 */
  readonly ipv6Prefix?: number;
  /**
   * A function that changes the answer to a refused request, or throws `context.error` to the
   * framework; or `wait`: requests wait for room, and are refused when there is none in time.
   */
  readonly onRefused?: "wait" | OnRefused<Request>;
  /** With `onRefused: 'wait'`, how long at the most: 1 ms to a day. @default the limiter's `waiting.maxWaitMs` */
  readonly maxWaitMs?: number;
  /** With `onRefused: 'wait'`: of the waiting requests of one subject those with a higher one come first. @default 0 */
  readonly priority?: (request: Request) => number;
  /** Delays admitted requests, by more the less is left. @default no delay */
  readonly slowDown?: SlowDown;
  /** Rate-limit fields: `false`, a format, formats, or {@link HeaderOptions}. */
  readonly headers?: false | HeaderFormat | readonly HeaderFormat[] | HeaderOptions;
  /** CORS preflights pass unmetered: they carry no credentials. @default true */
  readonly skipPreflights?: boolean;
  /** The status for a cost above a limit's whole capacity: 429 or 413. @default 429 */
  readonly impossibleStatus?: 429 | 413;
  /**
   * The status of refusals that last a minute or more, or until somebody acts. Some SDKs retry
   * every 429, whatever the wait. @default 429
   */
  readonly longWaitStatus?: 429 | 403 | 402;
}

/** Answers a refused request. */
type OnRefused<Request> = (
  context: RefusedContext,
  request: Request,
) => RefusedAnswer | undefined | Promise<RefusedAnswer | undefined>;

/** {@link RateLimitOptions} with nothing left open, as far as all routes share them. */
export interface Settings<Request> {
  readonly identify: (request: Request) => Identity | Promise<Identity>;
  readonly clientAddress: RateLimitOptions<Request>["clientAddress"];
  readonly ipv6Prefix: number;
  readonly onRefused: OnRefused<Request> | undefined;
  /** `undefined` where requests are refused at once. */
  readonly patience: Patience<Request> | undefined;
  readonly headers: HeaderSettings;
  readonly skipPreflights: boolean;
  readonly statuses: RefusalStatuses;
  readonly dialect: DialectOption;
  readonly warnings: ProxyWarnings;
}

const gateOptionNames = [
  "limiter",
  "identify",
  "clientAddress",
  "ipv6Prefix",
  "cost",
  "countWhen",
  "skip",
  "onRefused",
  "maxWaitMs",
  "priority",
  "slowDown",
  "headers",
  "skipPreflights",
  "impossibleStatus",
  "longWaitStatus",
  "dialect",
];

const limiterMethods = [
  "checkAndRecord",
  "reserve",
  "acquire",
  "forSubject",
  "listed",
  "settle",
  "release",
  "usage",
  "override",
  "track",
];

// By its shape: it may come from another loaded copy of the package.
const isLimiter = (value: unknown): value is Limiter =>
  isObject(value) &&
  typeof value["enabled"] === "boolean" &&
  limiterMethods.every((method) => typeof value[method] === "function") &&
  isObject(value["llm"]) &&
  Array.isArray(value["limits"]) &&
  value["limits"].every(isObject);

/** The limiter the options name or describe. */
export function limiterFrom<Request>(options: RateLimitOptions<Request>): Limiter {
  const { limiter } = options;
  if (limiter === undefined) {
    const given = Object.entries(options).filter(
      ([key, value]) => value !== undefined && limiterOptionNames.includes(key),
    );
    return createLimiter(Object.fromEntries(given));
  }
  if (!isLimiter(limiter)) throw configError("limiter", "a limiter from createLimiter()", limiter);
  const given: Record<string, unknown> = { ...options };
  for (const key of limiterOptionNames) {
    if (given[key] !== undefined) throw configError(key, "nothing beside limiter", given[key]);
  }
  return limiter;
}

/** Refuses a limit that no call would be charged to: it would protect nothing. */
export function checkMetered<Request>(limiter: Limiter, cost: RouteOptions<Request>["cost"]): void {
  const { types } = limiter.llm;
  const known = new Set(["count", CONCURRENCY, ...types]);
  const limit = limiter.limits.find(({ type }) => !known.has(type));
  if (limit === undefined || cost !== undefined) return;
  throw configError(
    "cost",
    `a function telling what a call costs in ${limit.type}, which limit "${limit.name}" meters`,
    cost,
  );
}

function parsePrefix(value: unknown): number {
  if (value === undefined) return DEFAULT_IPV6_PREFIX;
  if (typeof value === "number" && Number.isInteger(value) && value >= 32 && value <= 128) {
    return value;
  }
  throw configError("ipv6Prefix", "an integer from 32 to 128", value);
}

function parseStatus(value: unknown): number {
  if (value === undefined || value === 429) return 429;
  if (value === 413) return 413;
  throw configError("impossibleStatus", "429 or 413", value);
}

function parsePreflights(value: unknown): boolean {
  if (value === undefined || value === true) return true;
  if (value === false) return false;
  throw configError("skipPreflights", "true or false", value);
}

function checkOptions(value: unknown, names: readonly string[], path: string): void {
  if (!isObject(value)) throw configError(path === "" ? "options" : path, "an object", value);
  rejectUnknownKeys(value, names, path);
  for (const name of ["identify", "clientAddress", "cost", "skip", "priority"]) {
    if (value[name] === undefined || typeof value[name] === "function") continue;
    throw configError(path === "" ? name : `${path}.${name}`, "a function", value[name]);
  }
}

/** Checks what a route may change. */
export const checkRouteOptions = (value: unknown): void => {
  checkOptions(value, ["limits", "add", "cost", "countWhen", "skip", "llm", "dialect"], "route");
};

const isOnRefused = <Request>(value: unknown): value is OnRefused<Request> =>
  typeof value === "function";

function parseOnRefused<Request>(value: unknown): OnRefused<Request> | undefined {
  if (value === undefined || value === "wait") return undefined;
  if (isOnRefused<Request>(value)) return value;
  throw configError("onRefused", '"wait" or a function', value);
}

/** Checks the options and fills in what they leave open. */
export function parseOptions<Request>(options: RateLimitOptions<Request>): Settings<Request> {
  checkOptions(options, [...limiterOptionNames, ...gateOptionNames], "");
  return {
    identify: options.identify ?? (() => undefined),
    clientAddress: options.clientAddress,
    ipv6Prefix: parsePrefix(options.ipv6Prefix),
    onRefused: parseOnRefused(options.onRefused),
    patience: parsePatience(options),
    headers: parseHeaderOptions(options.headers),
    skipPreflights: parsePreflights(options.skipPreflights),
    statuses: {
      impossible: parseStatus(options.impossibleStatus),
      longWait: choose(options.longWaitStatus, "longWaitStatus", [429, 403, 402]),
    },
    dialect: parseDialect(options.dialect, "dialect"),
    warnings: new ProxyWarnings(),
  };
}
