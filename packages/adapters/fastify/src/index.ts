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
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";

declare module "fastify" {
  interface FastifyRequest {
    /** How the request was decided, and the means to settle it; set by `rateLimit`. */
    tollgate: TollgateHandle;
  }
  interface FastifyContextConfig {
    /** What differs on this route; `false` leaves it unmetered. */
    rateLimit?: RouteOptions | false;
  }
}

/** Options of {@link rateLimit}. */
export interface RateLimitOptions extends GateOptions<FastifyRequest> {
  /**
   * When to decide. `preHandler` knows the parsed body and who was authenticated; `onRequest` comes
   * before both.
   * @default 'preHandler'
   */
  readonly hook?: "preHandler" | "onRequest";
}

/** What may differ on a route: its `config.rateLimit`. */
export type RouteOptions = GateRouteOptions<FastifyRequest>;

const plugin: FastifyPluginAsync<RateLimitOptions> = async (app, { hook, ...options }) => {
  const gate = createGate(options);
  const gates = new Map<RouteOptions | false | undefined, Gate<FastifyRequest>>([
    [undefined, gate],
  ]);
  const trust = trustOf(app);
  if (!app.hasRequestDecorator("tollgate")) app.decorateRequest("tollgate");

  const gateFor = (route: RouteOptions | false | undefined): Gate<FastifyRequest> => {
    const known = gates.get(route);
    if (known !== undefined) return known;
    const made = gate.forRoute(route === false ? { skip: () => true } : (route ?? {}));
    gates.set(route, made);
    return made;
  };

  // When the route is declared, so that a mistake in it is found before the server starts; routes
  // declared before this plugin was loaded get theirs with their first request.
  app.addHook("onRoute", ({ config }) => {
    gateFor(config?.rateLimit);
  });

  app.addHook(hook ?? "preHandler", async (request, reply) => {
    const verdict = await gateFor(request.routeOptions.config.rateLimit).admit({
      ...nodeExchange(request.raw, reply.raw),
      request,
      address: request.ip,
      trust,
      body: request.body,
      responseField: (name) => reply.getHeader(name),
    });
    setFields(reply, verdict.fields);
    if (verdict.outcome === "gone") return reply.hijack();
    if (verdict.outcome === "refused") return reply.code(verdict.status).send(verdict.body);
    request.tollgate = verdict.handle;
    // Tells whether a handler ran: if none did, what the request holds is given back.
    follow(request.raw, reply.raw, verdict, () => !request.is404);
  });
};

function setFields(
  reply: FastifyReply,
  fields: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, value] of Object.entries(fields)) {
    // A reply can be awaited; here nobody waits for it to be sent.
    if (value === undefined) void reply.removeHeader(name);
    else void reply.header(name, value);
  }
}

// Fastify publishes its trustProxy nowhere, so it is read where Fastify keeps it; where that is
// not found, no warning is the safe answer.
function trustOf(app: FastifyInstance): ProxyTrust {
  const symbol = symbolsOf(app).find(({ description }) => description === "fastify.options");
  const kept: unknown = symbol === undefined ? {} : Reflect.get(app, symbol);
  const setting: unknown = Object(kept).trustProxy;
  if (setting === true) return "anyone";
  if (typeof setting === "number") return "ignored";
  return symbol === undefined || setting ? "listed" : "none";
}

// Inherited ones too: an encapsulated instance has the application for its prototype.
function symbolsOf(instance: unknown): symbol[] {
  if (typeof instance !== "object" || instance === null) return [];
  const above = symbolsOf(Object.getPrototypeOf(instance));
  return [...Object.getOwnPropertySymbols(instance), ...above];
}

/**
 * Fastify 5 plugin that admits requests within their limits and answers the others.
 *
 * @example
 * await app.register(rateLimit, { limits: [{ type: 'count', window: 'minute', limit: 60 }] })
 *
 * @throws TollgateError `INVALID_CONFIG`, with the path of the offending value
 */
export const rateLimit: FastifyPluginAsync<RateLimitOptions> = fastifyPlugin(plugin, {
  name: "@tollgate/fastify",
  fastify: "5.x",
});
