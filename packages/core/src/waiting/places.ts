import { Heap } from "./heap.ts";
import type { Lines } from "./lines.ts";
import { SubjectQueue } from "./queues.ts";
import { Signals } from "./signals.ts";
import { byDeadline, type Waiter } from "./waiter.ts";

/** Who has a place in a waiting room: by subject, by the end of their patience, and by signal. */
export class Places<D> {
  readonly #lines: Lines<D>;
  readonly #signals: Signals<Waiter<D>>;
  readonly #subjects = new Map<string, SubjectQueue<D>>();
  readonly #deadlines = new Heap<Waiter<D>>(byDeadline);
  #size = 0;
  #turns = 0;

  /** @param abandoned told of each whose signal is aborted */
  constructor(lines: Lines<D>, abandoned: (waiter: Waiter<D>) => void) {
    this.#lines = lines;
    this.#signals = new Signals(abandoned);
  }

  get size(): number {
    return this.#size;
  }

  get subjects(): number {
    return this.#subjects.size;
  }

  /** When the next one's patience ends; `Infinity`: nobody waits. */
  get nextMs(): number {
    return this.#deadlines.first?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  queueOf({ call }: Pick<Waiter<D>, "call">): SubjectQueue<D> | undefined {
    return this.#subjects.get(call.subject);
  }

  /** The next whose patience has ended. It keeps its place, but is not named again. */
  takeLate(nowMs: number): Waiter<D> | undefined {
    const { first } = this.#deadlines;
    if (first === undefined || first.deadlineMs > nowMs) return undefined;
    this.#deadlines.remove(first);
    return first;
  }

  add(waiter: Waiter<D>): SubjectQueue<D> {
    const { subject, signal } = waiter.call;
    let queue = this.#subjects.get(subject);
    if (queue === undefined) {
      queue = new SubjectQueue<D>(subject);
      this.#subjects.set(subject, queue);
      this.#takeTurn(queue);
    }
    this.#size += 1;
    queue.add(waiter);
    this.#deadlines.add(waiter);
    this.#signals.add(signal, waiter);
    this.#lines.place(queue);
    return queue;
  }

  /** To be called when it was told something. */
  replace(waiter: Waiter<D>): void {
    const queue = this.queueOf(waiter);
    if (queue !== undefined) this.#lines.place(queue);
  }

  /** Nothing happens if it has no place. */
  remove(waiter: Waiter<D>, lastTurn: "served" | "kept"): void {
    const { subject, signal } = waiter.call;
    const queue = this.#subjects.get(subject);
    if (queue === undefined || waiter.placeInQueue < 0) return;
    this.#size -= 1;
    queue.remove(waiter);
    this.#deadlines.remove(waiter);
    this.#signals.delete(signal, waiter);
    if (lastTurn === "served") this.#takeTurn(queue);
    this.#lines.place(queue);
    if (queue.size === 0) this.#subjects.delete(subject);
  }

  #takeTurn(queue: SubjectQueue<D>): void {
    this.#turns += 1;
    queue.turn = this.#turns;
  }
}
