import { Heap, type HeapOrder } from "./heap.ts";
import type { Waiter } from "./waiter.ts";

interface Queued {
  readonly call: { readonly priority: number };
  readonly arrival: number;
  placeInQueue: number;
}

const inQueue: HeapOrder<Queued> = {
  before: (a, b) =>
    a.call.priority === b.call.priority ? a.arrival < b.arrival : a.call.priority > b.call.priority,
  placeOf: ({ placeInQueue }) => placeInQueue,
  setPlace: (waiter, place) => {
    waiter.placeInQueue = place;
  },
};

/** The waiting calls of one subject: by priority, then as they came. Only the head is ever asked. */
export class SubjectQueue<D> {
  readonly subject: string;
  /** The order between subjects. One whose call was admitted takes a new turn, after all others. */
  turn = 0;
  /** Where its head waits. */
  line: Line<D> | undefined;
  placeInLine = -1;
  readonly #waiters = new Heap<Waiter<D>>(inQueue);

  constructor(subject: string) {
    this.subject = subject;
  }

  get size(): number {
    return this.#waiters.size;
  }

  get head(): Waiter<D> | undefined {
    return this.#waiters.first;
  }

  add(waiter: Waiter<D>): void {
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter<D>): void {
    this.#waiters.remove(waiter);
  }
}

const byTurn: HeapOrder<{ readonly turn: number; placeInLine: number }> = {
  before: (a, b) => a.turn < b.turn,
  placeOf: ({ placeInLine }) => placeInLine,
  setPlace: (queue, place) => {
    queue.placeInLine = place;
  },
};

/** The subjects whose heads wait for one cell, by turn. Only the first is ever asked. */
export class Line<D> {
  readonly cell: string;
  readonly queues: Heap<SubjectQueue<D>> = new Heap<SubjectQueue<D>>(byTurn);
  /** How many calls are being asked that charge this cell. */
  watchers = 0;
  /** Whether its first is being asked: never two of a line at a time. */
  asking = false;
  /** Which of the times that something was given back concerned this cell last. */
  givenBackAt = 0;
  /** When its first is to be asked; `Infinity` while nobody is. */
  dueMs: number = Number.POSITIVE_INFINITY;
  placeByDue = -1;

  constructor(cell: string) {
    this.cell = cell;
  }

  get first(): SubjectQueue<D> | undefined {
    return this.queues.first;
  }
}
