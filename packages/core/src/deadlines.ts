/**
 * Keys ordered by the time something is due for them: a binary heap over two flat arrays, 16 bytes
 * a key and no timer.
 *
 * Deadlines mostly move later, so an entry is never moved when they do: it is corrected, by asking
 * `dueAt`, when it reaches the top.
 */
export class Deadlines {
  readonly #keys: string[] = [];
  readonly #timesMs: number[] = [];

  /** How many entries are kept, outdated ones included. */
  get size(): number {
    return this.#keys.length;
  }

  /** The earliest deadline, or one that has moved later since. */
  get earliestMs(): number {
    return this.#timesMs[0] ?? Number.POSITIVE_INFINITY;
  }

  add(key: string, dueMs: number): void {
    let child = this.#keys.length;
    this.#keys.push(key);
    this.#timesMs.push(dueMs);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#time(parent) <= this.#time(child)) return;
      this.#swap(parent, child);
      child = parent;
    }
  }

  /**
   * Takes out the key with the earliest deadline if that is at or before `nowMs`.
   * `dueAt` tells when a key is really due, or `undefined` when it is gone.
   */
  take(nowMs: number, dueAt: (key: string) => number | undefined): string | undefined {
    for (;;) {
      const listedMs = this.earliestMs;
      if (this.#keys.length === 0 || listedMs > nowMs) return undefined;
      const key = this.#removeTop();
      const dueMs = dueAt(key);
      if (dueMs === undefined) continue;
      if (dueMs <= listedMs) return key;
      this.add(key, dueMs);
    }
  }

  clear(): void {
    this.#keys.length = 0;
    this.#timesMs.length = 0;
  }

  #removeTop(): string {
    const top = this.#keys[0] ?? "";
    this.#swap(0, this.#keys.length - 1);
    this.#keys.pop();
    this.#timesMs.pop();
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let first = parent;
      if (left < this.#keys.length && this.#time(left) < this.#time(first)) first = left;
      if (right < this.#keys.length && this.#time(right) < this.#time(first)) first = right;
      if (first === parent) return top;
      this.#swap(parent, first);
      parent = first;
    }
  }

  #time(index: number): number {
    return this.#timesMs[index] ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [key, time] = [this.#keys[a] ?? "", this.#time(a)];
    this.#keys[a] = this.#keys[b] ?? "";
    this.#timesMs[a] = this.#time(b);
    this.#keys[b] = key;
    this.#timesMs[b] = time;
  }
}
