import {
  createGate,
  follow,
  type Gate,
  nodeExchange,
  type ProxyTrust,
  type RateLimitOptions as GateOptions,
  type RouteOptions as GateRouteOptions,
  type TollgateHandle,
} from "@tollgate/core/http";
import type { Application, Request, RequestHandler, Response } from "express";

declare global {
  namespace Express {
    interface Request {
      /** How the request was decided, and the means to settle it; set by `rateLimit`. */
      tollgate: TollgateHandle;
    }
  }
}

/** Options of {@link rateLimit}. */
export type RateLimitOptions = GateOptions<Request>;

/** What may differ from route to route; see {@link RateLimit.forRoute}. */
export type RouteOptions = GateRouteOptions<Request>;

/** Middleware, with what it is made of. */
export interface RateLimit extends RequestHandler {
  readonly limiter: Gate<Request>["limiter"];
  /** The same limits with other numbers, cost or exceptions; to be mounted instead, on one route. */
  readonly forRoute: (options: RouteOptions) => RateLimit;
}

/**
 * Express middleware (4.18 to 5) that admits requests within their limits and answers the others.
 *
 * @example
 * app.use(rateLimit({ limits: [{ type: 'count', window: 'minute', limit: 60 }] }))
 *
 * @throws TollgateError `INVALID_CONFIG`, with the path of the offending value
 */
export const rateLimit = (options: RateLimitOptions): RateLimit => middleware(createGate(options));

function middleware(gate: Gate<Request>): RateLimit {
  const handler: RequestHandler = async (req, res, next) => {
    try {
      if (!(await isAdmitted(gate, req, res))) return;
    } catch (error) {
      // By hand, because Express 4 drops rejected promises.
      next(error);
      return;
    }
    next();
  };
  return Object.assign(handler, {
    limiter: gate.limiter,
    forRoute: (options: RouteOptions) => middleware(gate.forRoute(options)),
  });
}

/** Asks the gate and answers in its name; true when the request may go on. */
async function isAdmitted(gate: Gate<Request>, req: Request, res: Response): Promise<boolean> {
  const verdict = await gate.admit({
    ...nodeExchange(req, res),
    request: req,
    address: req.ip,
    trust: trustOf(req.app),
    body: req.body,
  });
  // A response that has begun keeps its fields: adding one would throw.
  if (!res.headersSent) setFields(res, verdict.fields);
  if (verdict.outcome === "gone") return false;
  if (verdict.outcome === "refused") {
    if (!res.headersSent) res.status(verdict.status).end(verdict.body);
    return false;
  }
  req.tollgate = verdict.handle;
  // Tells whether a handler ran: if none did, what the request holds is given back. Without a
  // route, the 404 is Express's own.
  follow(req, res, verdict, () => res.statusCode !== 404 || req.route !== undefined);
  return true;
}

function setFields(res: Response, fields: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) res.removeHeader(name);
    else res.setHeader(name, value);
  }
}

function trustOf(app: Application): ProxyTrust {
  const setting: unknown = app.get("trust proxy");
  if (setting === true) return "anyone";
  return setting ? "listed" : "none";
}
