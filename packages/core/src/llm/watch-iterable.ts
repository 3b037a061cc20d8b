import { abort, type Ending, finish } from "./ending.ts";
import { memberOf, methodOf } from "./member.ts";
import { observerOf } from "./observe.ts";
import type { RunningCall } from "./running-call.ts";

/** Whether it can be read with `for await`. */
export const isIterable = (value: unknown): value is object =>
  typeof memberOf(value, Symbol.asyncIterator) === "function";

type Result = IteratorResult<unknown, unknown>;
type Advance = (...args: readonly unknown[]) => Promise<Result>;

/** An iterator's own methods, each of which it may lack. */
interface Source {
  readonly next: Advance | undefined;
  readonly return: Advance | undefined;
  readonly throw: Advance | undefined;
}

/**
 * Settles at the end of an iterable, which keeps its identity: what reads it passes through here.
 * @returns false for one that cannot be watched
 */
export function watchIterable(stream: object, running: RunningCall): boolean {
  const watch = watcherOf(stream, running);
  // A generator is its own iterator, and may be read by hand.
  const own = typeof memberOf(stream, "next") === "function";
  if (own && !define(stream, { ...watch(sourceOf(stream)) })) return false;
  const key = keyOf(stream);
  const begin = methodOf(stream, key);
  const value = (): unknown => {
    const iterator = begin?.();
    if (iterator === stream && own) return stream;
    return { ...watch(sourceOf(iterator)), [Symbol.asyncIterator]: itself };
  };
  if (!define(stream, { [key]: value })) return false;
  running.endWith(stream);
  return true;
}

function itself<T>(this: T): T {
  return this;
}

// The official clients' streams have one function behind iteration, `tee` and `toReadableStream`.
const keyOf = (stream: object): "iterator" | typeof Symbol.asyncIterator =>
  "controller" in stream && typeof memberOf(stream, "iterator") === "function"
    ? "iterator"
    : Symbol.asyncIterator;

function define(target: object, members: Readonly<Record<string | symbol, unknown>>): boolean {
  return Reflect.ownKeys(members).every((key) =>
    Reflect.defineProperty(target, key, {
      configurable: true,
      writable: true,
      value: Reflect.get(members, key),
    }),
  );
}

function sourceOf(iterator: unknown): Source {
  const advance = (name: string): Advance | undefined => {
    const method = methodOf(iterator, name);
    if (method === undefined) return undefined;
    return async (...args) => resultOf(await method(...args));
  };
  return { next: advance("next"), return: advance("return"), throw: advance("throw") };
}

// Passed on as it came; only its type is made up for.
const isResult = (value: unknown): value is Result => typeof value === "object" && value !== null;
const resultOf = (value: unknown): Result =>
  isResult(value) ? value : { done: true, value: undefined };

/** Makes iterators that tell what they pass, of which the first to be read is believed. */
function watcherOf(stream: object, running: RunningCall): (source: Source) => Required<Source> {
  const observer = observerOf(running);
  // The official clients end an aborted stream as if it had come to its end.
  const ended = (): Ending =>
    memberOf(memberOf(memberOf(stream, "controller"), "signal"), "aborted") === true
      ? abort
      : finish;
  let first: Source | undefined;
  return (source) => {
    const step = async (advance: () => Promise<Result>): Promise<Result> => {
      first ??= source;
      // A second reading of a stream fails, or repeats what the first one read.
      if (first !== source) return advance();
      try {
        const result = await advance();
        if (result.done === true) {
          observer.end();
          await running.end(ended());
        } else observer.observe(result.value);
        return result;
      } catch (error) {
        await running.end(observer.fail(error));
        throw error;
      }
    };
    // The provider is told to stop before the store is asked, which may take its time.
    const leave = async (advance: () => Promise<Result>): Promise<Result> => {
      first ??= source;
      const [left] = await Promise.allSettled([advance(), first === source && running.end(abort)]);
      if (left.status === "rejected") throw left.reason;
      return left.value;
    };
    return {
      next: async (...args) => step(async () => source.next?.(...args) ?? resultOf(undefined)),
      return: async (...args) =>
        leave(async () => source.return?.(...args) ?? { done: true, value: args[0] }),
      throw: async (...args) =>
        leave(async () => {
          if (source.throw === undefined) throw args[0];
          return source.throw(...args);
        }),
    };
  };
}
