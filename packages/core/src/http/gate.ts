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
import { exactAddress, normaliseAddress } from "./address.ts";
import { answer, httpError } from "./answer.ts";
import { bodyLength } from "./body-length.ts";
import { parseCountWhen } from "./count-when.ts";
import { dialectFor, parseDialect } from "./dialects/choose.ts";
import type { DialectOption } from "./dialects/dialect.ts";
import type { RequestFacts, Verdict } from "./facts.ts";
import { checkPolicies, type QuotaPolicy } from "./fields/quota.ts";
import { ExchangeHandle } from "./handle.ts";
import { subjectOf } from "./identity.ts";
import {
  checkMetered,
  checkRouteOptions,
  limiterFrom,
  parseOptions,
  type RateLimitOptions,
  type RouteOptions,
  type Settings,
} from "./options.ts";
import { acquireOptions, whileThere } from "./patience.ts";
import { advertisedPolicies } from "./report.ts";
import {
  admittedFields,
  missingIdResponse,
  outageResponse,
  refusalResponse,
  type ResponseContext,
} from "./response.ts";

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
      countWhen: parseCountWhen(options.countWhen, "countWhen"),
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
  /** `undefined` where every request counts. */
  readonly countWhen: ((ending: Ending) => boolean) | undefined;
  readonly skip: RouteOptions<Request>["skip"] | undefined;
  readonly dialect: DialectOption;
  readonly policy: CallPolicy;
}

/** Scopes whose id is the address unless `identify` names another. */
const addressScopes = ["ip", "caller"] as const;

/** What requests need to know of the limits they meet. */
interface Limits {
  readonly policies: ReadonlyMap<string, QuotaPolicy>;
  /** Whether what a request spends is known only when it is over. */
  readonly reserves: boolean;
  /** Limits on what the meter of LLM calls can tell. */
  readonly metered: Limiter["limits"];
}

class LimiterGate<Request> implements Gate<Request> {
  readonly limiter: Limiter;
  /** The limiter without overrides: a request is charged by it or by one of its overrides. */
  readonly #base: Limiter;
  readonly #settings: Settings<Request>;
  readonly #route: RouteSettings<Request>;
  /** By the limits in force, which can change, and be others for each subject. */
  readonly #known = new WeakMap<Limiter["limits"], Limits>();

  constructor(
    base: Limiter,
    limiter: Limiter,
    settings: Settings<Request>,
    route: RouteSettings<Request>,
  ) {
    this.#base = base;
    this.limiter = limiter;
    this.#settings = settings;
    this.#route = route;
    this.#limitsOf(limiter);
  }

  /** Refuses limits that no call would be charged to, or that no header can carry. */
  #limitsOf(limiter: Limiter): Limits {
    const { limits, llm } = limiter;
    const known = this.#known.get(limits);
    if (known !== undefined) return known;
    checkMetered(limiter, this.#route.cost);
    const policies = advertisedPolicies(limits, this.#settings.headers);
    checkPolicies([...policies.values()], "limits");
    const made = {
      policies,
      reserves: this.#route.countWhen !== undefined || limits.some(({ type }) => type !== "count"),
      metered: limits.filter(({ type }) => llm.types.has(type)),
    };
    this.#known.set(limits, made);
    return made;
  }

  readonly forRoute = (options: RouteOptions<Request>): Gate<Request> => {
    checkRouteOptions(options);
    const { limits = {}, add = [], cost = this.#route.cost, skip = this.#route.skip } = options;
    const countWhen =
      options.countWhen === undefined
        ? this.#route.countWhen
        : parseCountWhen(options.countWhen, "route.countWhen");
    const dialect = parseDialect(options.dialect, "route.dialect", this.#route.dialect);
    const policy = parseOwnPolicy(options.llm, "route.llm", this.#route.policy);
    const limiter = this.limiter.override({ limits, add });
    const route = { cost, countWhen, skip, dialect, policy };
    return new LimiterGate(this.#base, limiter, this.#settings, route);
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
    const ownAddress = this.#ownAddress(facts);
    const address = normaliseAddress(ownAddress, this.#settings.ipv6Prefix);
    const subject = subjectOf(await this.#settings.identify(request), address);
    // The address itself, of which the subject knows the network; unless the application knows better.
    const exact = subject["ip"] === address ? exactAddress(ownAddress) : undefined;
    const listed = this.limiter.listed(subject, exact);
    if (listed?.allowed === true) return unmetered(handle);
    if (listed !== undefined) return this.#refused(facts, handle, listed, noLimits);
    let limiter = this.limiter;
    try {
      limiter = await this.limiter.forSubject(subject);
    } catch (error) {
      return this.#unanswered(facts, error, noLimits);
    }
    return this.#meet(facts, handle, limiter, subject, address);
  }

  /** Has the request meet the limits of its subject. */
  async #meet(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    limiter: Limiter,
    subject: SubjectIds,
    address: string | undefined,
  ): Promise<Verdict> {
    const limits = this.#limitsOf(limiter);
    this.#warn(facts, limiter, subject, address);
    const cost = await this.#costOf(facts, subject);
    const call = this.#meteredCall(facts, limits, subject, cost);
    if (facts.gone()) return gone;
    try {
      const decision = await this.#decision(facts, limiter, limits, subject, cost, call);
      if (decision === undefined) return gone;
      return decision.allowed
        ? this.#admitted(facts, handle, limiter, limits, subject, decision, call)
        : await this.#refused(facts, handle, decision, limits);
    } catch (error) {
      return this.#unanswered(facts, error, limits);
    }
  }

  // Only where the framework's address decides who is metered: anything else would be a false alarm.
  #warn(
    { trust, header }: RequestFacts<Request>,
    { limits }: Limiter,
    subject: SubjectIds,
    address: string | undefined,
  ): void {
    const { clientAddress, warnings } = this.#settings;
    const decides = addressScopes.some(
      (id) => subject[id] === address && limits.some(({ scope }) => scope === id),
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

  #ownAddress({ request, address }: RequestFacts<Request>): string | undefined {
    const { clientAddress } = this.#settings;
    return clientAddress === undefined ? address : clientAddress(request);
  }

  /** `undefined` when the client has gone away while the request was waiting. */
  async #decision(
    facts: RequestFacts<Request>,
    limiter: Limiter,
    { reserves }: Limits,
    subject: SubjectIds,
    cost: Cost | undefined,
    call: MeteredCall | undefined,
  ): Promise<Decision | undefined> {
    const { patience } = this.#settings;
    const holding = reserves || call !== undefined;
    if (patience !== undefined) {
      return whileThere(facts, (signal) => {
        const options = { ...acquireOptions(patience, facts.request), reserve: holding, signal };
        const patiently = (all: Cost | undefined): Promise<Decision> =>
          limiter.acquire(subject, all, options);
        if (call === undefined) return patiently(cost);
        const atOnce = (all: Cost): Promise<Decision> =>
          limiter.acquire(subject, all, { ...options, maxWaitMs: 0 });
        return reserveCall(call, cost, atOnce, patiently);
      });
    }
    if (call !== undefined) {
      return reserveCall(call, cost, (all) => limiter.reserve(subject, all));
    }
    return holding ? limiter.reserve(subject, cost) : limiter.checkAndRecord(subject, cost);
  }

  /** The metering of those limits on tokens whose cost the application does not tell itself. */
  #meteredCall(
    { body, header, method, path }: RequestFacts<Request>,
    { metered }: Limits,
    subject: SubjectIds,
    cost: Cost | undefined,
  ): MeteredCall | undefined {
    const { llm } = this.limiter;
    const limits = metered.filter(({ type }) => cost?.[type] === undefined);
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
    limiter: Limiter,
    limits: Limits,
    subject: SubjectIds,
    decision: Decision,
    call: MeteredCall | undefined,
  ): Verdict {
    handle.pass(this.#base, limiter, subject, decision, call, this.#route.countWhen);
    if (facts.gone()) return gone;
    return {
      outcome: "admitted",
      fields: admittedFields(decision, this.#contextOf(facts, limits)),
      handle,
      observer: call === undefined ? undefined : handle.observe(),
      end: decision.reservation === undefined ? undefined : endOf(handle),
    };
  }

  async #refused(
    facts: RequestFacts<Request>,
    handle: ExchangeHandle,
    decision: Decision,
    limits: Limits,
  ): Promise<Verdict> {
    await handle.release();
    const { onRefused, statuses } = this.#settings;
    const response = refusalResponse(decision, this.#contextOf(facts, limits), statuses);
    if (onRefused === undefined) return answer(response);
    const error = httpError(decision, response);
    const changed = await onRefused({ ...response, decision, error }, facts.request);
    return answer(response, changed);
  }

  /** Answers for a store that cannot, and for a request without the ids it needs; all else is a bug. */
  #unanswered(facts: RequestFacts<Request>, error: unknown, limits: Limits): Verdict {
    if (!isTollgateError(error) || getDecision(error) !== undefined) throw error;
    const context = this.#contextOf(facts, limits);
    if (error.code === "STORE_FAILED" || error.code === "LOOKUP_FAILED") {
      return answer(outageResponse(OUTAGE_RETRY_SECONDS, context));
    }
    if (error.code === "MISSING_SCOPE") return answer(missingIdResponse(error.message, context));
    throw error;
  }

  #contextOf(
    { path, header, responseField }: RequestFacts<Request>,
    { policies }: Limits,
  ): ResponseContext {
    return {
      dialect: dialectFor(this.#route.dialect, path, header),
      settings: this.#settings.headers,
      policies,
      crossOrigin: header("origin") !== undefined,
      before: responseField,
    };
  }
}

const gone: Verdict = { outcome: "gone", fields: {} };

/** Of who meets none. */
const noLimits: Limits = { policies: new Map(), reserves: false, metered: [] };

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
