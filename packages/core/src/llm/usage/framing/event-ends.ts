const LF = 10;
const CR = 13;

/** Where the events of a chunk end. */
export interface FoundEnds {
  /** 1 when the first byte is the LF of a blank line whose CR ended an event of the chunk before. */
  readonly lead: number;
  /** Offsets behind the blank lines. */
  readonly ends: readonly number[];
}

/** Finds the blank lines that end server-sent events, however the bytes are cut. */
export class EventEnds {
  #lineEmpty = true;
  #afterCr = false;
  #afterEnd = false;

  find(bytes: Buffer): FoundEnds {
    if (bytes.length === 0) return { lead: 0, ends: [] };
    const split = this.#afterCr && bytes[0] === LF ? 1 : 0;
    const lead = this.#afterEnd ? split : 0;
    const ends: number[] = [];
    this.#afterCr = false;
    this.#afterEnd = false;
    let line = split;
    let lf = bytes.indexOf(LF, line);
    let cr = bytes.indexOf(CR, line);
    while (lf >= 0 || cr >= 0) {
      const at = cr >= 0 && (lf < 0 || cr < lf) ? cr : lf;
      const next = at === cr && bytes[at + 1] === LF ? at + 2 : at + 1;
      const blank = this.#lineEmpty && at === line;
      if (blank) ends.push(next);
      this.#lineEmpty = true;
      this.#afterCr = at === cr && next === at + 1 && next === bytes.length;
      this.#afterEnd = this.#afterCr && blank;
      if (cr >= 0 && cr < next) cr = bytes.indexOf(CR, next);
      if (lf >= 0 && lf < next) lf = bytes.indexOf(LF, next);
      line = next;
    }
    if (line < bytes.length) this.#lineEmpty = false;
    return { lead, ends };
  }
}
