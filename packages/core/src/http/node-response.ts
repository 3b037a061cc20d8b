import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from "node:http";

import type { Verdict } from "./facts.ts";
import { whenOver } from "./node-exchange.ts";
import type { ReadHeader, ResponseObserver } from "./observer.ts";

type Admitted = Extract<Verdict, { outcome: "admitted" }>;

/**
 * Lets an admitted request's verdict see its response, and gives it its end.
 * @param reached whether a handler of the application has run; asked when the response is over
 */
export function follow(
  request: IncomingMessage,
  response: ServerResponse,
  { observer, end }: Admitted,
  reached: () => boolean,
): void {
  if (observer !== undefined) tap(response, observer);
  if (end === undefined) return;
  whenOver(request, response, () => {
    const { statusCode: status, writableFinished: finished } = response;
    end({ reached: reached(), finished, status });
  });
}

/**
 * Shows a response to `observer` as it passes. Every part goes on at once and in its turn; what
 * `write` answers is the response's own, so that back-pressure reaches the handler.
 */
export function tap(response: ServerResponse, observer: ResponseObserver): void {
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  const writeHead = response.writeHead.bind(response);
  let given: ReadonlyMap<string, string> | undefined;
  let begun = false;
  // Before the first byte, and before the headers go: a compressing layer below sets its own with them,
  // and sees the bytes later.
  const begin = (): void => {
    begun = true;
    observer.head(readerOf(response, given));
  };
  const send: Send = (part, encoding, callback) =>
    Reflect.apply(write, undefined, [part, encoding, callback]);

  response.writeHead = (...args: readonly unknown[]): ServerResponse => {
    given = namedIn(args);
    if (!begun) begin();
    Reflect.apply(writeHead, undefined, args);
    return response;
  };
  // Called for every token of an answer: no lists are made of its arguments.
  response.write = (part: unknown, encoding?: unknown, callback?: unknown): boolean => {
    if (!begun) begin();
    const bytes = part instanceof Uint8Array ? part : bytesOf(part, encoding);
    const instead = bytes === undefined ? undefined : observer.data(bytes);
    if (instead === undefined) return send(part, encoding, callback);
    return sendAll(instead, callbackIn([encoding, callback]), send) ?? !response.writableNeedDrain;
  };
  response.end = (...args: readonly unknown[]): ServerResponse => {
    if (!begun) begin();
    const [part, encoding] = typeof args[0] === "function" ? [] : args;
    const bytes = bytesOf(part, encoding);
    const instead = bytes === undefined ? undefined : observer.data(bytes);
    const last = observer.end();
    // A response that has ended takes nothing more, and says so itself.
    if ((instead === undefined && last.length === 0) || response.writableEnded) {
      Reflect.apply(end, undefined, args);
      return response;
    }
    if (instead === undefined && bytes !== undefined) send(part, encoding, undefined);
    for (const piece of [...(instead ?? []), ...last]) send(piece, undefined, undefined);
    Reflect.apply(end, undefined, [callbackIn(args)]);
    return response;
  };
}

type Send = (part: unknown, encoding: unknown, callback: unknown) => boolean;
type Callback = (error?: Error | null) => void;

const isCallback = (value: unknown): value is Callback => typeof value === "function";
const callbackIn = (args: readonly unknown[]): Callback | undefined => args.find(isCallback);

/** @returns `undefined` when there was nothing to send, and the callback was called */
function sendAll(
  pieces: readonly Uint8Array[],
  callback: Callback | undefined,
  send: Send,
): boolean | undefined {
  if (pieces.length === 0) {
    // As late as the response would have called it.
    if (callback !== undefined) process.nextTick(callback);
    return undefined;
  }
  let goesOn = true;
  for (const [index, piece] of pieces.entries()) {
    goesOn = send(piece, undefined, index === pieces.length - 1 ? callback : undefined);
  }
  return goesOn;
}

const isEncoding = (value: unknown): value is BufferEncoding =>
  typeof value === "string" && Buffer.isEncoding(value);

/** `undefined` for what is not a part of a body; the response will say so itself. */
function bytesOf(part: unknown, encoding: unknown): Uint8Array | undefined {
  if (part instanceof Uint8Array) return part;
  if (typeof part !== "string") return undefined;
  return Buffer.from(part, isEncoding(encoding) ? encoding : "utf8");
}

function readerOf(
  response: ServerResponse,
  given: ReadonlyMap<string, string> = new Map(),
): ReadHeader {
  return (name) => given.get(name) ?? textOf(response.getHeader(name));
}

const textOf = (value: OutgoingHttpHeader | undefined): string | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value.join(", ") : String(value);

/** Headers that `writeHead` was given and may send without keeping: an object, or a flat list. */
function namedIn(args: readonly unknown[]): ReadonlyMap<string, string> {
  const headers: unknown = args.findLast((arg) => typeof arg === "object" && arg !== null);
  const list: readonly unknown[] = Array.isArray(headers) ? headers.flat() : [];
  const entries =
    list.length > 0
      ? list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]]] : []))
      : Object.entries(Object(headers));
  return new Map(
    entries.map(([name, value]) => [String(name).toLowerCase(), String(value)] as const),
  );
}
