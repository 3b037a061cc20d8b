import {
  createGate,
  type FieldChanges,
  follow,
  type Gate,
  nodeExchange,
  type ProxyTrust,
  type RateLimitOptions as GateOptions,
  type RouteOptions as GateRouteOptions,
  type TollgateHandle,
} from "@tollgate/core/http";
import type { Context, Middleware } from "koa";

declare module "koa" {
  interface DefaultState {
    /** How the request was decided, and the means to settle it; set by `rateLimit`. */
    tollgate: TollgateHandle;
  }
}

/** Options of {@link rateLimit}. */
export type RateLimitOptions = GateOptions<Context>;

/** What may differ from route to route; see {@link RateLimit.forRoute}. */
export type RouteOptions = GateRouteOptions<Context>;

/** Middleware, with what it is made of. */
export interface RateLimit extends Middleware {
  readonly limiter: Gate<Context>["limiter"];
  /** The same limits with other numbers, cost or exceptions; to be mounted instead, on one route. */
  readonly forRoute: (options: RouteOptions) => RateLimit;
}

/**
 * Koa 3 middleware that admits requests within their limits and answers the others.
 *
 * @example
 * app.use(rateLimit({ limits: [{ type: 'count', window: 'minute', limit: 60 }] }))
 *
 * @throws TollgateError `INVALID_CONFIG`, with the path of the offending value
 */
export const rateLimit = (options: RateLimitOptions): RateLimit => middleware(createGate(options));

function middleware(gate: Gate<Context>): RateLimit {
  const handler: Middleware = async (ctx, next) => {
    const verdict = await gate.admit({
      ...nodeExchange(ctx.req, ctx.res),
      request: ctx,
      address: ctx.ip,
      trust: trustOf(ctx),
      // Koa itself parses no body; a parser before this middleware adds one.
      body: "body" in ctx.request ? ctx.request.body : undefined,
    });
    if (!ctx.headerSent) setFields(ctx, verdict.fields);
    if (verdict.outcome === "gone") {
      ctx.respond = false;
      return;
    }
    if (verdict.outcome === "refused") {
      ctx.status = verdict.status;
      ctx.body = verdict.body;
      return;
    }
    ctx.state.tollgate = verdict.handle;
    // Whether a handler ran: if none did, what the request holds is given back. A 404 without a
    // body is Koa's own, unless a handler answers past Koa.
    let running = true;
    follow(ctx.req, ctx.res, verdict, () => running || !isKoasOwn(ctx));
    try {
      await next();
      running = false;
    } catch (error) {
      throw withFields(error, verdict.fields);
    }
  };
  return Object.assign(handler, {
    limiter: gate.limiter,
    forRoute: (options: RouteOptions) => middleware(gate.forRoute(options)),
  });
}

const isKoasOwn = ({ status, respond, body }: Context): boolean =>
  status === 404 && respond !== false && (body ?? undefined) === undefined;

function setFields(ctx: Context, fields: FieldChanges): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) ctx.remove(name);
    else ctx.set(name, value);
  }
}

// Koa answers an error with the headers that the error carries, and drops all others.
function withFields(error: unknown, fields: FieldChanges): unknown {
  if (!(error instanceof Error) || !Object.isExtensible(error)) return error;
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  const own: unknown = "headers" in error ? error.headers : undefined;
  const headers = typeof own === "object" ? own : {};
  return Object.assign(error, { headers: { ...Object.fromEntries(set), ...headers } });
}

function trustOf({ app }: Context): ProxyTrust {
  if (!app.proxy) return "none";
  // Without a count Koa takes the left-most address, which is whatever the client wrote.
  return app.maxIpsCount > 0 ? "listed" : "anyone";
}
