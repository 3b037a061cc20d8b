import { Heap, type HeapOrder } from "./heap.ts";
import { Line, type SubjectQueue } from "./queues.ts";
import type { Waiter } from "./waiter.ts";

const byDue: HeapOrder<{ readonly dueMs: number; placeByDue: number }> = {
  before: (a, b) => a.dueMs < b.dueMs,
  placeOf: ({ placeByDue }) => placeByDue,
  setPlace: (line, place) => {
    line.placeByDue = place;
  },
};

/** A line for each cell that is waited for, and which of them is to be asked next. */
export class Lines<D> {
  readonly #lines = new Map<string, Line<D>>();
  readonly #due = new Heap<Line<D>>(byDue);
  #givenBack = 0;

  /** How many times something was given back. */
  get givenBack(): number {
    return this.#givenBack;
  }

  /** When somebody is to be asked next; `Infinity`: nobody. */
  get nextMs(): number {
    return this.#due.first?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** The line to be asked now, if there is one. */
  due(nowMs: number): Line<D> | undefined {
    return this.nextMs <= nowMs ? this.#due.first : undefined;
  }

  /** Whether nobody waits, and nothing is watched. */
  get idle(): boolean {
    return this.#lines.size === 0;
  }

  /** Whether anybody waits for one of these cells. */
  awaited(cells: readonly string[]): boolean {
    return cells.some((cell) => this.#lines.get(cell)?.first !== undefined);
  }

  /** To be called whenever the head or the turn of `queue` may have changed, or what its head was told. */
  place(queue: SubjectQueue<D>): void {
    const { line, head } = queue;
    const cell = head === undefined ? undefined : this.#cellOf(head);
    if (line?.cell === cell) line?.queues.moved(queue);
    else this.#move(queue, cell);
    if (queue.line !== undefined) this.refresh(queue.line);
  }

  /**
   * Moves a queue out of its line if one of earlier turn waits for another cell of its head: being
   * asked now, it could take what that one waits for.
   */
  yields(queue: SubjectQueue<D>): boolean {
    const cells = queue.head?.call.cells ?? [];
    const cell = cells.find((cell) => {
      const first = this.#lines.get(cell)?.first;
      return first !== undefined && first.turn < queue.turn;
    });
    if (cell === undefined) return false;
    const { head } = queue;
    if (head !== undefined) {
      head.waitsFor = cell;
      head.dueMs = head.enteredMs;
    }
    this.place(queue);
    return true;
  }

  /** Notes when `line` is to be asked, after whatever may have changed that. */
  refresh(line: Line<D>): void {
    const head = line.first?.head;
    line.dueMs = Number.POSITIVE_INFINITY;
    if (head !== undefined && !line.asking) {
      line.dueMs = head.askedAt < line.givenBackAt ? head.enteredMs : head.dueMs;
    }
    if (line.dueMs === Number.POSITIVE_INFINITY) this.#due.remove(line);
    else if (line.placeByDue < 0) this.#due.add(line);
    else this.#due.moved(line);
    this.#dropUnused(line);
  }

  /** When those at the front for these cells will fit, for all that is known; `-Infinity`: nobody waits. */
  fitsMs(cells: readonly string[]): number {
    const heads = cells.map((cell) => this.#lines.get(cell)?.first?.head);
    return Math.max(...heads.map((head) => head?.fitsMs ?? Number.NEGATIVE_INFINITY));
  }

  /** Until when nobody in the line of `queue` is let in unless something is given back; else `-Infinity`. */
  busyUntil({ line }: SubjectQueue<D>): number {
    const certain = line?.first?.head?.told?.exact === true && !line.asking;
    return certain ? line.dueMs : Number.NEGATIVE_INFINITY;
  }

  /** Something was given back in these cells. */
  freed(cells: Iterable<string> = this.#lines.keys()): void {
    this.#givenBack += 1;
    for (const cell of cells) {
      const line = this.#lines.get(cell);
      if (line === undefined) continue;
      line.givenBackAt = this.#givenBack;
      this.refresh(line);
    }
  }

  /** What is given back in these cells will be known of, until the end of the watch. */
  watch(cells: readonly string[]): void {
    for (const cell of cells) this.#lineOf(cell).watchers += 1;
  }

  unwatch(cells: readonly string[]): void {
    for (const cell of cells) {
      const line = this.#lineOf(cell);
      line.watchers -= 1;
      this.#dropUnused(line);
    }
  }

  /** The cell to wait for: the one that refuses; unasked, one that others wait for already. */
  #cellOf({ waitsFor, call: { cells } }: Waiter<D>): string {
    if (waitsFor !== undefined) return waitsFor;
    return cells.find((cell) => this.awaited([cell])) ?? cells[0] ?? "";
  }

  #move(queue: SubjectQueue<D>, cell: string | undefined): void {
    const from = queue.line;
    from?.queues.remove(queue);
    queue.line = cell === undefined ? undefined : this.#lineOf(cell);
    queue.line?.queues.add(queue);
    if (from !== undefined) this.refresh(from);
  }

  #lineOf(cell: string): Line<D> {
    const known = this.#lines.get(cell);
    if (known !== undefined) return known;
    const line = new Line<D>(cell);
    this.#lines.set(cell, line);
    return line;
  }

  #dropUnused({ cell, first, watchers, asking }: Line<D>): void {
    if (first === undefined && watchers === 0 && !asking) this.#lines.delete(cell);
  }
}
