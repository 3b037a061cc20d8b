/**
 * What to end when a signal is aborted: one listener per signal, however many calls share it, since
 * a signal goes through all its listeners to add or remove one.
 */
export class Signals<T> {
  readonly #watched = new Map<EventTarget, Set<T>>();
  readonly #end: (item: T) => void;

  constructor(end: (item: T) => void) {
    this.#end = end;
  }

  /** How many signals are listened to. */
  get size(): number {
    return this.#watched.size;
  }

  add(signal: AbortSignal | undefined, item: T): void {
    if (signal === undefined) return;
    const items = this.#watched.get(signal);
    if (items !== undefined) {
      items.add(item);
      return;
    }
    this.#watched.set(signal, new Set([item]));
    signal.addEventListener("abort", this.#aborted);
  }

  delete(signal: AbortSignal | undefined, item: T): void {
    const items = signal === undefined ? undefined : this.#watched.get(signal);
    items?.delete(item);
    if (signal === undefined || items?.size !== 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener("abort", this.#aborted);
  }

  // One function for all signals, so that a call that waits costs none of its own.
  readonly #aborted = ({ target }: Event): void => {
    const items = target === null ? undefined : this.#watched.get(target);
    for (const item of items ?? []) this.#end(item);
  };
}
