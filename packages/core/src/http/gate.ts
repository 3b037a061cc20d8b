import { systemClock } from "../clock.ts";
import { checkAmounts, type Cost } from "../cost.ts";
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
      /** Not sent in answer to `HEAD`, which frameworks see to. */
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
  const limiter = limiterFrom(options);
  try {
    return new LimiterGate(limiter, limiter, settings, options.cost, options.skip);
  } catch (error) {
    // Frees the name, so that a corrected configuration can have it.
    if (options.limiter === undefined) void limiter.close();
    throw error;
  }
}

/** Scopes whose id is the address unless `identify` names another. */
const addressScopes = ["ip", "caller"] as const;

class LimiterGate<Request> implements Gate<Request> {
  readonly limiter: Limiter;
  /** The limiter without overrides: a request is charged by it or by one of its overrides. */
  readonly #base: Limiter;
  readonly #settings: Settings<Request>;
  readonly #cost: RouteOptions<Request>["cost"];
  readonly #skip: RouteOptions<Request>["skip"];
  readonly #policies: ReadonlyMap<string, QuotaPolicy>;
  readonly #reserves: boolean;

  constructor(
    base: Limiter,
    limiter: Limiter,
    settings: Settings<Request>,
    cost: RouteOptions<Request>["cost"],
    skip: RouteOptions<Request>["skip"],
  ) {
    checkMetered(limiter, cost);
    this.#base = base;
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
    const limiter = this.limiter.override({ limits, add });
    return new LimiterGate(this.#base, limiter, this.#settings, cost, skip);
  };

  readonly admit = async (facts: RequestFacts<Request>): Promise<Verdict> => {
    const handle = handleOf(facts.exchange);
    let goesOn = false;
    handle.deciding += 1;
    try {
      const verdict = await this.#decide(facts, handle);
      goesOn = verdict.outcome === "admitted";
      return verdict;
    } finally {
      handle.deciding -= 1;
      // No handler will run: what earlier limiters hold goes back.
      if (!goesOn) await handle.abandon().catch(() => undefined);
    }
  };

  async #decide(facts: RequestFacts<Request>, handle: ExchangeHandle): Promise<Verdict> {
    const { request } = facts;
    if (!this.limiter.enabled || handle.hasPassed(this.#base) || this.#isPreflight(facts)) {
      return unmetered(handle);
    }
    if (this.#skip !== undefined && (await this.#skip(request))) return unmetered(handle);
    const address = this.#address(facts);
    const subject = subjectOf(await this.#settings.identify(request), address);
    this.#warn(facts, subject, address);
    const cost = await this.#costOf(facts, subject);
    if (facts.gone()) return { outcome: "gone", fields: {} };
    try {
      const decision = this.#reserves
        ? await this.limiter.reserve(subject, cost)
        : await this.limiter.checkAndRecord(subject, cost);
      return decision.allowed
        ? this.#admitted(facts, handle, subject, decision)
        : await this.#refused(facts, handle, decision);
    } catch (error) {
      return this.#unanswered(facts, error);
    }
  }

  // Only where the framework's address decides who is metered: anything else would be a false alarm.
  #warn(
    { trust, header }: RequestFacts<Request>,
    subject: SubjectIds,
    address: string | undefined,
  ): void {
    const { clientAddress, warnings } = this.#settings;
    const decides = addressScopes.some(
      (id) => subject[id] === address && this.limiter.limits.some(({ scope }) => scope === id),
    );
    if (clientAddress === undefined && decides) {
      warnings.look(trust, header("x-forwarded-for") !== undefined);
    }
  }

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
    // Bounded, so that a cost made of it is at worst impossible, never an error of the application.
    const contentLength =
      declared === undefined ? undefined : Math.min(Number(declared), Number.MAX_SAFE_INTEGER);
    const cost = await this.#cost(request, { subject, body, contentLength });
    // A number or nothing, spread, would leave the call free of all it should cost.
    checkAmounts(cost);
    return { count: 1, ...cost };
  }

  #admitted(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    subject: SubjectIds,
    decision: Decision,
  ): Verdict {
    handle.pass(this.#base, this.limiter, subject, decision);
    if (facts.gone()) return { outcome: "gone", fields: {} };
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
    if (onRefused === undefined) return answer(response);
    const error = httpError(decision, response);
    const changed = await onRefused({ ...response, decision, error }, facts.request);
    return answer(response, changed);
  }

  /** Answers for a store that cannot, and for a request without the ids it needs; all else is a bug. */
  #unanswered({ header, responseField }: RequestFacts<Request>, error: unknown): Verdict {
    if (!isTollgateError(error) || getDecision(error) !== undefined) throw error;
    const { headers } = this.#settings;
    const crossOrigin = header("origin") !== undefined;
    if (error.code === "STORE_FAILED") {
      return answer(outageResponse(OUTAGE_RETRY_SECONDS, headers, crossOrigin, responseField));
    }
    if (error.code === "MISSING_SCOPE") return answer(missingIdResponse(error.message));
    throw error;
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
    // While a later limiter is deciding, no handler has run either.
    const ended = reached && handle.deciding === 0 ? handle.finish() : handle.abandon();
    ended.catch(() => undefined);
  };

function answer({ status, fields, body }: RefusalResponse, changed: RefusedAnswer = {}): Verdict {
  // A problem must tell the status it is sent with (RFC 9457 §3.1.2).
  const { status: sent = status, body: content = { ...body, status: sent } } = changed;
  const isText = typeof content === "string";
  const type = isText ? "text/plain; charset=utf-8" : "application/problem+json";
  return {
    outcome: "refused",
    status: sent,
    fields: { "Content-Type": type, ...fields, ...changed.headers },
    body: isText ? content : JSON.stringify(content),
  };
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
