/** How the items of a heap are ordered, and where each keeps its place in it. */
export interface HeapOrder<T> {
  readonly before: (a: T, b: T) => boolean;
  /** -1 for an item that is in no heap of this order. */
  readonly placeOf: (item: T) => number;
  readonly setPlace: (item: T, place: number) => void;
}

/** A binary heap whose items know their place, so that any of them can be taken out without a search. */
export class Heap<T> {
  #items: T[] = [];
  readonly #order: HeapOrder<T>;

  constructor(order: HeapOrder<T>) {
    this.#order = order;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    // Pushed onto an empty array, the first would take the room of seventeen.
    if (this.#items.length === 0) this.#items = [item];
    else this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Nothing happens if it is not in. */
  remove(item: T): void {
    const place = this.#order.placeOf(item);
    if (place < 0) return;
    this.#order.setPlace(item, -1);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#put(last, place);
    this.moved(last);
  }

  /** To be called when an item of the heap comes earlier or later than it did. */
  moved(item: T): void {
    this.#sink(item, this.#rise(item, this.#order.placeOf(item)));
  }

  #rise(item: T, from: number): number {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#order.before(item, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(item, place);
    return place;
  }

  #sink(item: T, from: number): void {
    let place = from;
    for (;;) {
      const below = this.#earlierChild(place);
      const child = this.#items[below];
      if (child === undefined || !this.#order.before(child, item)) break;
      this.#put(child, place);
      place = below;
    }
    this.#put(item, place);
  }

  #earlierChild(place: number): number {
    const left = 2 * place + 1;
    const [a, b] = [this.#items[left], this.#items[left + 1]];
    return a !== undefined && b !== undefined && this.#order.before(b, a) ? left + 1 : left;
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    this.#order.setPlace(item, place);
  }
}
