import { systemClock } from "../clock.ts";
import { checkAmounts, type Cost } from "../cost.ts";
import { type Decision, unlimited } from "../decision.ts";
import { getDecision, isTollgateError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import type { Ending } from "../llm/ending.ts";
import type { MeteredCall } from "../llm/metered-call.ts";
import { type CallPolicy, parseOwnPolicy } from "../llm/policy.ts";
import { reserveCall } from "../llm/reserve.ts";
import type { MaybePromise } from "../store.ts";
import type { SubjectIds } from "../subject.ts";
import { normaliseAddress } from "./address.ts";
import { answer, httpError, type RefusedVerdict } from "./answer.ts";
import { bodyLength } from "./body-length.ts";
import { dialectFor, parseDialect } from "./dialects/choose.ts";
import type { DialectOption } from "./dialects/dialect.ts";
import { checkPolicies, type QuotaPolicy } from "./fields/quota.ts";
import { ExchangeHandle, type TollgateHandle } from "./handle.ts";
import { subjectOf } from "./identity.ts";
import type { FieldChanges, ResponseField } from "./merge.ts";
import type { ResponseObserver } from "./observer.ts";
import {
  checkMetered,
  checkRouteOptions,
  limiterFrom,
  parseOptions,
  type RateLimitOptions,
  type RouteOptions,
  type Settings,
} from "./options.ts";
import { advertisedPolicies } from "./report.ts";
import {
  admittedFields,
  missingIdResponse,
  outageResponse,
  refusalResponse,
  type ResponseContext,
} from "./response.ts";
import type { ProxyTrust } from "./warnings.ts";

/** What a gate must know about a request; adapters read it from their framework. */
export interface RequestFacts<Request> {
  /** The framework's own request, for the callbacks of the configuration. */
  readonly request: Request;
  /** What identifies the exchange through all layers: Node's incoming message. */
  readonly exchange: object;
  readonly method: string;
  /** The path as the client asked for it, without the query. */
  readonly path: string | undefined;
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
      /** To be shown the response as it passes, if there is one. */
      readonly observer: ResponseObserver | undefined;
      /** To be called when the response is over, if there is one: gives the hold an end. */
      readonly end: ((ending: Ending) => void) | undefined;
    }
  | RefusedVerdict
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
    return new LimiterGate(limiter, limiter, settings, {
      cost: options.cost,
      skip: options.skip,
      dialect: settings.dialect,
      policy: limiter.llm.policy,
    });
  } catch (error) {
    // Frees the name, so that a corrected configuration can have it.
    if (options.limiter === undefined) void limiter.close();
    throw error;
  }
}

/** What may differ from route to route. */
interface RouteSettings<Request> {
  readonly cost: RouteOptions<Request>["cost"] | undefined;
  readonly skip: RouteOptions<Request>["skip"] | undefined;
  readonly dialect: DialectOption;
  readonly policy: CallPolicy;
}

/** Scopes whose id is the address unless `identify` names another. */
const addressScopes = ["ip", "caller"] as const;

class LimiterGate<Request> implements Gate<Request> {
  readonly limiter: Limiter;
  /** The limiter without overrides: a request is charged by it or by one of its overrides. */
  readonly #base: Limiter;
  readonly #settings: Settings<Request>;
  readonly #route: RouteSettings<Request>;
  readonly #policies: ReadonlyMap<string, QuotaPolicy>;
  readonly #reserves: boolean;
  /** Limits on what the meter of LLM calls can tell. */
  readonly #metered: Limiter["limits"];

  constructor(
    base: Limiter,
    limiter: Limiter,
    settings: Settings<Request>,
    route: RouteSettings<Request>,
  ) {
    checkMetered(limiter, route.cost);
    this.#base = base;
    this.limiter = limiter;
    this.#settings = settings;
    this.#route = route;
    this.#policies = advertisedPolicies(limiter.limits, settings.headers);
    checkPolicies([...this.#policies.values()], "limits");
    // What a request counts for is known at once; what it spends is known when it is over.
    this.#reserves = limiter.limits.some(({ type }) => type !== "count");
    this.#metered = limiter.limits.filter(({ type }) => limiter.llm.types.has(type));
  }

  readonly forRoute = (options: RouteOptions<Request>): Gate<Request> => {
    checkRouteOptions(options);
    const { limits = {}, add = [], cost = this.#route.cost, skip = this.#route.skip } = options;
    const dialect = parseDialect(options.dialect, "route.dialect", this.#route.dialect);
    const policy = parseOwnPolicy(options.llm, "route.llm", this.#route.policy);
    const limiter = this.limiter.override({ limits, add });
    return new LimiterGate(this.#base, limiter, this.#settings, { cost, skip, dialect, policy });
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
      if (!goesOn) await quietly(() => handle.abandon());
    }
  };

  async #decide(facts: RequestFacts<Request>, handle: ExchangeHandle): Promise<Verdict> {
    const { request } = facts;
    if (!this.limiter.enabled || handle.hasPassed(this.#base) || this.#isPreflight(facts)) {
      return unmetered(handle);
    }
    const { skip } = this.#route;
    if (skip !== undefined && (await skip(request))) return unmetered(handle);
    const address = this.#address(facts);
    const subject = subjectOf(await this.#settings.identify(request), address);
    this.#warn(facts, subject, address);
    const cost = await this.#costOf(facts, subject);
    const call = this.#meteredCall(facts, subject, cost);
    if (facts.gone()) return { outcome: "gone", fields: {} };
    try {
      const decision = await this.#decision(subject, cost, call);
      return decision.allowed
        ? this.#admitted(facts, handle, subject, decision, call)
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

  async #decision(
    subject: SubjectIds,
    cost: Cost | undefined,
    call: MeteredCall | undefined,
  ): Promise<Decision> {
    if (call !== undefined) return reserveCall(this.limiter, subject, call, cost);
    return this.#reserves
      ? this.limiter.reserve(subject, cost)
      : this.limiter.checkAndRecord(subject, cost);
  }

  /** The metering of those limits on tokens whose cost the application does not tell itself. */
  #meteredCall(
    { body, header, method, path }: RequestFacts<Request>,
    subject: SubjectIds,
    cost: Cost | undefined,
  ): MeteredCall | undefined {
    const { llm } = this.limiter;
    const limits = this.#metered.filter(({ type }) => cost?.[type] === undefined);
    if (limits.length === 0) return undefined;
    const contentLength = bodyLength(method, header);
    const { policy } = this.#route;
    return llm.call({ subject, body, path, contentLength, limits, policy });
  }

  async #costOf(
    { request, body, header, method }: RequestFacts<Request>,
    subject: SubjectIds,
  ): Promise<Cost | undefined> {
    if (this.#route.cost === undefined) return undefined;
    const contentLength = bodyLength(method, header);
    const cost = await this.#route.cost(request, { subject, body, contentLength });
    // A number or nothing, spread, would leave the call free of all it should cost.
    checkAmounts(cost);
    return { count: 1, ...cost };
  }

  #admitted(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    subject: SubjectIds,
    decision: Decision,
    call: MeteredCall | undefined,
  ): Verdict {
    handle.pass(this.#base, this.limiter, subject, decision, call);
    if (facts.gone()) return { outcome: "gone", fields: {} };
    return {
      outcome: "admitted",
      fields: admittedFields(decision, this.#contextOf(facts)),
      handle,
      observer: call === undefined ? undefined : handle.observe(),
      end: decision.reservation === undefined ? undefined : endOf(handle),
    };
  }

  async #refused(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    decision: Decision,
  ): Promise<Verdict> {
    await handle.release();
    const { onRefused, statuses } = this.#settings;
    const response = refusalResponse(decision, this.#contextOf(facts), statuses);
    if (onRefused === undefined) return answer(response);
    const error = httpError(decision, response);
    const changed = await onRefused({ ...response, decision, error }, facts.request);
    return answer(response, changed);
  }

  /** Answers for a store that cannot, and for a request without the ids it needs; all else is a bug. */
  #unanswered(facts: RequestFacts<Request>, error: unknown): Verdict {
    if (!isTollgateError(error) || getDecision(error) !== undefined) throw error;
    const context = this.#contextOf(facts);
    if (error.code === "STORE_FAILED") return answer(outageResponse(OUTAGE_RETRY_SECONDS, context));
    if (error.code === "MISSING_SCOPE") return answer(missingIdResponse(error.message, context));
    throw error;
  }

  #contextOf({ path, header, responseField }: RequestFacts<Request>): ResponseContext {
    return {
      dialect: dialectFor(this.#route.dialect, path, header),
      settings: this.#settings.headers,
      policies: this.#policies,
      crossOrigin: header("origin") !== undefined,
      before: responseField,
    };
  }
}

const unmetered = (handle: ExchangeHandle): Verdict => ({
  outcome: "admitted",
  fields: {},
  handle,
  observer: undefined,
  end: undefined,
});

// A settlement that fails has been told to the limiter's listeners; the response is over already.
const endOf =
  (handle: ExchangeHandle) =>
  (ending: Ending): void => {
    // While a later limiter is deciding, no handler has run either.
    const reached = ending.reached && handle.deciding === 0;
    void quietly(() => (reached ? handle.finish(ending) : handle.abandon()));
  };

async function quietly(question: () => MaybePromise<void>): Promise<void> {
  try {
    await question();
  } catch {
    // Told elsewhere.
  }
}
