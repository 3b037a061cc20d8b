import { BoundedBytes, decode } from "../bounded-bytes.ts";
import type { Framing, FrameSink } from "./framing.ts";

const QUOTE = 34;
const COMMA = 44;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN = 123;
const CLOSE = 125;

/** The objects of one JSON array, each as soon as it is closed (Gemini without `alt=sse`). */
export class JsonArray implements Framing {
  readonly #sink: FrameSink;
  readonly #cap: number;
  readonly #begun: BoundedBytes;
  #depth = 0;
  #quoted = false;
  #escaped = false;

  constructor(sink: FrameSink, cap: number) {
    this.#sink = sink;
    this.#cap = cap;
    this.#begun = new BoundedBytes(cap);
  }

  write(chunk: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (this.#quoted) this.#string(byte);
      else if (byte === QUOTE) this.#quoted = true;
      else if (byte === OPEN || byte === OPEN_LIST) {
        if (this.#depth <= 1) from = at;
        this.#depth += 1;
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        this.#depth -= 1;
        if (this.#depth === 1) this.#element(chunk.subarray(from, at + 1));
        if (this.#depth <= 1) from = at + 1;
      } else if (byte === COMMA && this.#depth <= 1) from = at + 1;
    }
    if (this.#depth > 1) this.#begun.append(chunk.subarray(from));
  }

  end(): void {
    if (this.#depth > 0) this.#sink.broken();
    this.#begun.clear();
  }

  #string(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#quoted = false;
  }

  #element(rest: Uint8Array): void {
    if (this.#begun.empty && rest.length <= this.#cap) {
      this.#sink.json(decode(rest));
      return;
    }
    this.#begun.append(rest);
    const { clipped } = this.#begun;
    if (clipped === undefined) this.#sink.json(decode(this.#begun.bytes));
    else this.#sink.clipped(clipped);
    this.#begun.clear();
  }
}
