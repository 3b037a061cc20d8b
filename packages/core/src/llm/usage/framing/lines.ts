import { asBuffer, BoundedBytes, type Clipped } from "../bounded-bytes.ts";

const noBytes = Buffer.alloc(0);
const LF = 10;
const CR = 13;

/** Where lines go: as a part of some bytes, without what ends them. */
export interface LineSink {
  readonly line: (bytes: Buffer, from: number, to: number) => void;
  readonly clipped: (line: Clipped) => void;
}

/**
 * Cuts bytes into lines. On bytes, because neither CR nor LF occurs inside a longer UTF-8 character,
 * while a chunk may well end inside one.
 */
export class Lines {
  readonly #sink: LineSink;
  readonly #cap: number;
  readonly #carriageReturns: boolean;
  readonly #begun: BoundedBytes;
  #afterCr = false;

  constructor(sink: LineSink, cap: number, carriageReturns: boolean) {
    this.#sink = sink;
    this.#cap = cap;
    this.#carriageReturns = carriageReturns;
    this.#begun = new BoundedBytes(cap);
  }

  /** Whether the last line has come to its end. */
  get empty(): boolean {
    return this.#begun.empty && !this.#afterCr;
  }

  write(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    let from = 0;
    if (this.#afterCr && bytes.length > 0) {
      this.#afterCr = false;
      if (bytes[0] === LF) from = 1;
    }
    let lf = bytes.indexOf(LF, from);
    let cr = this.#carriageReturns ? bytes.indexOf(CR, from) : -1;
    while (lf >= 0 || cr >= 0) {
      const to = cr >= 0 && (lf < 0 || cr < lf) ? cr : lf;
      this.#line(bytes, from, to);
      from = to + 1;
      if (to === cr) {
        if (bytes[from] === LF) from += 1;
        else if (from === bytes.length) this.#afterCr = true;
        cr = bytes.indexOf(CR, from);
      }
      if (lf >= 0 && lf < from) lf = bytes.indexOf(LF, from);
    }
    if (from < bytes.length) this.#begun.append(from === 0 ? bytes : bytes.subarray(from));
  }

  /** A last line needs no end. */
  end(): void {
    if (!this.#begun.empty) this.#line(noBytes, 0, 0);
  }

  #line(bytes: Buffer, from: number, to: number): void {
    const begun = this.#begun;
    if (begun.empty && to - from <= this.#cap) return this.#sink.line(bytes, from, to);
    begun.append(bytes.subarray(from, to));
    const { clipped } = begun;
    if (clipped === undefined) {
      const line = asBuffer(begun.bytes);
      this.#sink.line(line, 0, line.length);
    } else this.#sink.clipped(clipped);
    begun.clear();
  }
}
