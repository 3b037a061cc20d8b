import { systemClock } from "../clock.ts";
import type { Cost } from "../cost.ts";
import { type Decision, unlimited } from "../decision.ts";
import { getDecision, isTollgateError, rateLimitError, type TollgateError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import type { SubjectIds } from "../subject.ts";
import { normaliseAddress } from "./address.ts";
import { checkPolicies, type QuotaPolicy } from "./fields/quota.ts";
import { ExchangeHandle, type TollgateHandle } from "./handle.ts";
import { subjectOf } from "./identity.ts";
import type { FieldChanges, ResponseField } from "./merge.ts";
import {
  checkMetered,
  checkRouteOptions,
  limiterFrom,
  parseOptions,
  type RateLimitOptions,
  type RefusedAnswer,
  type RouteOptions,
  type Settings,
} from "./options.ts";
import { advertisedPolicies } from "./report.ts";
import {
  admittedFields,
  missingIdResponse,
  outageResponse,
  refusalResponse,
  type RefusalResponse,
} from "./response.ts";
import type { ProxyTrust } from "./warnings.ts";

/** What a gate must know about a request; adapters read it from their framework. */
export interface RequestFacts<Request> {
  /** The framework's own request, for the callbacks of the configuration. */
  readonly request: Request;
  /** What identifies the exchange through all layers: Node's incoming message. */
  readonly exchange: object;
  readonly method: string;
  /** A request header, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** The client's address as the framework resolved it. */
  readonly address: string | undefined;
  readonly trust: ProxyTrust;
  /** The body, where a parser has already made one; the gate never reads the request itself. */
  readonly body: unknown;
  /** What the response already says. */
  readonly responseField: ResponseField;
  /** Whether the client has gone away. */
  readonly gone: () => boolean;
}

/** What becomes of a request. The adapter applies `fields` in either case. */
export type Verdict =
  | {
      readonly outcome: "admitted";
      readonly fields: FieldChanges;
      readonly handle: TollgateHandle;
      /**
       * To be called when the response is over, if there is one: gives the hold an end.
       * `reached` is false when no handler of the application has run.
       */
      readonly end: ((reached: boolean) => void) | undefined;
    }
  | {
      readonly outcome: "refused";
      readonly fields: FieldChanges;
      readonly status: number;
      /** Empty for `HEAD`. */
      readonly body: string;
    }
  /** The client left before the decision: there is nobody to answer, and no handler should run. */
  | { readonly outcome: "gone"; readonly fields: FieldChanges };

/** Decides requests, for any framework. */
export interface Gate<Request> {
  readonly limiter: Limiter;
  readonly admit: (facts: RequestFacts<Request>) => Promise<Verdict>;
  /** The same gate with what differs for some routes. */
  readonly forRoute: (options: RouteOptions<Request>) => Gate<Request>;
}

/** How long a client should wait when the store cannot be asked. */
const OUTAGE_RETRY_SECONDS = 5;

const handles = new WeakMap<object, ExchangeHandle>();

function handleOf(exchange: object): ExchangeHandle {
  const handle = handles.get(exchange) ?? new ExchangeHandle(unlimited(systemClock()));
  handles.set(exchange, handle);
  return handle;
}

/**
 * Builds the gate that an adapter puts before its handlers. Everything is checked here.
 * @throws TollgateError `INVALID_CONFIG`, with the path of the offending value
 */
export function createGate<Request>(options: RateLimitOptions<Request>): Gate<Request> {
  const settings = parseOptions(options);
  return new LimiterGate(limiterFrom(options), settings, options.cost, options.skip);
}

class LimiterGate<Request> implements Gate<Request> {
  readonly limiter: Limiter;
  readonly #settings: Settings<Request>;
  readonly #cost: RouteOptions<Request>["cost"];
  readonly #skip: RouteOptions<Request>["skip"];
  readonly #policies: ReadonlyMap<string, QuotaPolicy>;
  readonly #reserves: boolean;

  constructor(
    limiter: Limiter,
    settings: Settings<Request>,
    cost: RouteOptions<Request>["cost"],
    skip: RouteOptions<Request>["skip"],
  ) {
    checkMetered(limiter, cost);
    this.limiter = limiter;
    this.#settings = settings;
    this.#cost = cost;
    this.#skip = skip;
    this.#policies = advertisedPolicies(limiter.limits, settings.headers);
    checkPolicies([...this.#policies.values()], "limits");
    // What a request counts for is known at once; what it spends is known when it is over.
    this.#reserves = limiter.limits.some(({ type }) => type !== "count");
  }

  readonly forRoute = (options: RouteOptions<Request>): Gate<Request> => {
    checkRouteOptions(options);
    const { limits = {}, add = [], cost = this.#cost, skip = this.#skip } = options;
    return new LimiterGate(this.limiter.override({ limits, add }), this.#settings, cost, skip);
  };

  readonly admit = async (facts: RequestFacts<Request>): Promise<Verdict> => {
    const { key, warnings } = this.#settings;
    const { request, exchange } = facts;
    const handle = handleOf(exchange);
    warnings.look(facts.trust, facts.header("x-forwarded-for") !== undefined);
    if (!this.limiter.enabled || handle.hasPassed(key) || this.#isPreflight(facts)) {
      return unmetered(handle);
    }
    if (this.#skip !== undefined && (await this.#skip(request))) return unmetered(handle);
    const subject = subjectOf(await this.#settings.identify(request), this.#address(facts));
    const cost = await this.#costOf(facts, subject);
    if (facts.gone()) return { outcome: "gone", fields: {} };
    try {
      const decision = this.#reserves
        ? await this.limiter.reserve(subject, cost)
        : await this.limiter.checkAndRecord(subject, cost);
      return decision.allowed
        ? await this.#admitted(facts, handle, subject, decision)
        : await this.#refused(facts, handle, decision);
    } catch (error) {
      return unanswered(facts, error);
    }
  };

  #isPreflight({ method, header }: RequestFacts<Request>): boolean {
    return (
      this.#settings.skipPreflights &&
      method === "OPTIONS" &&
      header("access-control-request-method") !== undefined
    );
  }

  #address({ request, address }: RequestFacts<Request>): string | undefined {
    const { clientAddress, ipv6Prefix } = this.#settings;
    return normaliseAddress(
      clientAddress === undefined ? address : clientAddress(request),
      ipv6Prefix,
    );
  }

  async #costOf(
    { request, body, header }: RequestFacts<Request>,
    subject: SubjectIds,
  ): Promise<Cost | undefined> {
    if (this.#cost === undefined) return undefined;
    const declared = header("content-length");
    const contentLength = declared === undefined ? undefined : Number(declared);
    return { count: 1, ...(await this.#cost(request, { subject, body, contentLength })) };
  }

  async #admitted(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    subject: SubjectIds,
    decision: Decision,
  ): Promise<Verdict> {
    handle.pass(this.#settings.key, this.limiter, subject, decision);
    if (facts.gone()) {
      await handle.abandon();
      return { outcome: "gone", fields: {} };
    }
    const crossOrigin = facts.header("origin") !== undefined;
    return {
      outcome: "admitted",
      fields: admittedFields(
        decision,
        this.#policies,
        this.#settings.headers,
        crossOrigin,
        facts.responseField,
      ),
      handle,
      end: decision.reservation === undefined ? undefined : endOf(handle),
    };
  }

  async #refused(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    decision: Decision,
  ): Promise<Verdict> {
    await handle.release();
    const { onRefused, impossibleStatus, headers } = this.#settings;
    const crossOrigin = facts.header("origin") !== undefined;
    const response = refusalResponse(
      decision,
      this.#policies,
      headers,
      crossOrigin,
      facts.responseField,
      impossibleStatus,
    );
    if (onRefused === undefined) return answer(facts, response);
    const error = httpError(decision, response);
    const changed = await onRefused({ ...response, decision, error }, facts.request);
    return answer(facts, response, changed);
  }
}

const unmetered = (handle: ExchangeHandle): Verdict => ({
  outcome: "admitted",
  fields: {},
  handle,
  end: undefined,
});

// A settlement that fails has been told to the limiter's listeners; the response is over already.
const endOf =
  (handle: ExchangeHandle) =>
  (reached: boolean): void => {
    const ended = reached ? handle.finish() : handle.abandon();
    ended.catch(() => undefined);
  };

const hasNoBody = ({ method }: { readonly method: string }): boolean => method === "HEAD";

function answer(
  facts: { readonly method: string },
  { status, fields, body }: RefusalResponse,
  changed: RefusedAnswer = {},
): Verdict {
  const { body: content = body } = changed;
  const isText = typeof content === "string";
  const type = isText ? "text/plain; charset=utf-8" : "application/problem+json";
  return {
    outcome: "refused",
    status: changed.status ?? status,
    fields: { "Content-Type": type, ...fields, ...changed.headers },
    body: hasNoBody(facts) ? "" : isText ? content : JSON.stringify(content),
  };
}

/** Answers for a store that cannot, and for a request without the ids it needs; all else is a bug. */
function unanswered(facts: { readonly method: string }, error: unknown): Verdict {
  if (!isTollgateError(error) || getDecision(error) !== undefined) throw error;
  if (error.code === "STORE_FAILED") return answer(facts, outageResponse(OUTAGE_RETRY_SECONDS));
  if (error.code === "MISSING_SCOPE") return answer(facts, missingIdResponse(error.message));
  throw error;
}

// Express, Koa and Fastify answer a thrown error with these properties.
function httpError(decision: Decision, { status, fields }: RefusalResponse): TollgateError {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.assign(rateLimitError(decision), {
    status,
    statusCode: status,
    expose: true,
    headers: Object.fromEntries(set),
  });
}
