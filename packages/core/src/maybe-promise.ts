import type { MaybePromise } from "./store.ts";

export const isPromise = <T>(value: MaybePromise<T>): value is Promise<T> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && "then" in value;

/** Goes on at once with a value, later with a promise: synchronous stores stay synchronous. */
export const next = <T, R>(
  value: MaybePromise<T>,
  then: (value: T) => MaybePromise<R>,
): MaybePromise<R> => (isPromise(value) ? value.then(then) : then(value));

/** Waits for those that need it. Nothing to wait for is no promise. */
export function allOf(values: readonly MaybePromise<unknown>[]): MaybePromise<void> {
  const pending = values.filter((value) => isPromise(value));
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
}

/** What `question` answers; what it throws at once is a rejection like any other. */
export function attempt<T>(question: () => MaybePromise<T>): MaybePromise<T> {
  try {
    return question();
  } catch (error) {
    return Promise.reject(error);
  }
}
