import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";

import type { TollgateHandle } from "../http/handle.ts";
import type { RateLimitOptions, RouteOptions } from "../http/options.ts";

/** What callbacks of the contract read of a request; every framework's has it. */
export interface AnyRequest {
  readonly headers: IncomingHttpHeaders;
}

/** Options as the contract writes them; they fit every adapter's `rateLimit`. */
export type AnyOptions = RateLimitOptions<AnyRequest>;

/** Something a request passes on its way to the handler. */
export type Layer =
  /** `rateLimit` with these options; layers with the same object are the same middleware. */
  | { readonly options: AnyOptions }
  /** The application, or an upstream limiter, that sets fields of the response. */
  | { readonly fields: Readonly<Record<string, string>> }
  /** Changes the response itself before anything is sent of it, as compressing middleware does. */
  | { readonly wrap: (outgoing: ServerResponse) => void };

/** What a handler of the contract finds. */
export interface Call {
  /** Where the adapter puts it. */
  readonly tollgate: TollgateHandle;
  /** What a parser made of the body. */
  readonly body: unknown;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** How a handler of the contract answers, in the framework's own way. */
export type Answer =
  | { readonly json: unknown; readonly status?: number }
  /** Sent one by one, as they come, and asked for only when the client takes them. */
  | {
      readonly chunks: AsyncIterable<string | Uint8Array>;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Given to the framework: `next(error)`, `ctx.throw`, `reply.send(error)`. */
  | { readonly error: Error };

/** Runs within the framework's handler; throws and rejects into the framework. */
export type Handler = (call: Call) => Answer | Promise<Answer>;

/** A route of the application. */
export interface Route {
  /** @default 'GET', which answers `HEAD` too */
  readonly method?: "GET" | "POST" | "OPTIONS";
  readonly path: string;
  /** Passed by this route only, after those of the application. */
  readonly layers?: readonly Layer[];
  /** What differs from the application's first limiter, in the adapter's own way. */
  readonly override?: RouteOptions<AnyRequest>;
  readonly handler: Handler;
}

/** An application, whatever the framework. */
export interface AppSpec {
  /** Passed by every request, in order. */
  readonly layers: readonly Layer[];
  readonly routes: readonly Route[];
  /** Whether JSON bodies are parsed before the limiter, or left for the handler. @default 'parsed' */
  readonly body?: "parsed" | "unread";
  /** Whose forwarding headers the framework believes: nobody's, loopback proxies', or anyone's. @default 'nobody' */
  readonly trust?: "nobody" | "proxies" | "anyone";
}

/** An application that listens on 127.0.0.1. */
export interface RunningApp {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Ends all connections and stops. */
  readonly close: () => Promise<void>;
}

/** Builds and starts the application; rejects when a configuration is refused. */
export type MakeApp = (spec: AppSpec) => Promise<RunningApp>;

/** One promise of the adapter contract. */
export interface AdapterCase {
  /** A fact; begins with a row of the list of known defects where it is one. */
  readonly name: string;
  /** Rejects with an `AssertionError` when the adapter breaks the promise. */
  readonly run: (makeApp: MakeApp) => Promise<void>;
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
