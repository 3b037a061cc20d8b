import type { Ending } from "../llm/ending.ts";
import type { RefusedVerdict } from "./answer.ts";
import type { TollgateHandle } from "./handle.ts";
import type { FieldChanges, ResponseField } from "./merge.ts";
import type { ResponseObserver } from "./observer.ts";
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
  /** Tells when it does, until the returned function is called. */
  readonly whenGone: (listener: () => void) => () => void;
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
