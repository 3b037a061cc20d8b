import { asBuffer, type Clipped } from "../bounded-bytes.ts";
import type { Framing, FrameSink } from "./framing.ts";
import { Lines } from "./lines.ts";

/** Kept of each end of an event whose lines are too long together. */
const CLIPPED_CHARACTERS = 8 * 1024;
const LONGEST_SHORT_FIELD = "event: error".length;

// Others are as good, but seldom; they only make reading slower.
const EVENT_END = "\n\n";

const COLON = 58;
const SPACE = 32;
const OPEN_LIST = 91;
const LETTER_E = 101;
const LETTER_D = 100;

// A line `data: [DONE]`, which is no JSON, ends the streams of OpenAI and its likes.
const DONE = "[DONE]";

/** Server-sent events (WHATWG HTML, 9.2). */
export class Sse implements Framing {
  readonly #sink: FrameSink;
  readonly #lines: Lines;
  readonly #cap: number;
  #first = true;
  #data: string | undefined;
  #clipped: Clipped | undefined;
  #name: string | undefined;

  constructor(sink: FrameSink, cap: number) {
    this.#sink = sink;
    this.#cap = cap;
    this.#lines = new Lines(
      {
        line: (bytes, from, to) => this.#line(bytes, from, to),
        clipped: (long) => this.#longLine(long),
      },
      cap,
      true,
    );
  }

  write(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    let events: string | undefined;
    let at = 0;
    while (at < bytes.length) {
      if (this.#betweenEvents) {
        // A character for a byte, decoded once: most of a stream is events that repeat.
        events ??= bytes.toString("latin1");
        at = this.#sink.repeats(events, at);
      }
      const end = bytes.indexOf(EVENT_END, at);
      const to = end < 0 ? bytes.length : end + EVENT_END.length;
      if (at < to) this.#lines.write(bytes.subarray(at, to));
      at = to;
    }
  }

  get #betweenEvents(): boolean {
    const begun = this.#data ?? this.#clipped ?? this.#name;
    return !this.#first && begun === undefined && this.#lines.empty;
  }

  end(): void {
    this.#lines.end();
    // Browsers drop an event without its blank line, but what it tells was spent all the same.
    this.#dispatch();
  }

  #line(bytes: Buffer, from: number, to: number): void {
    if (from === to) return this.#dispatch();
    if (!this.#first && isData(bytes, from, to)) {
      return this.#add(bytes.toString("utf8", from + (bytes[from + 5] === SPACE ? 6 : 5), to));
    }
    const first = bytes[from];
    if (first === COLON) return;
    // Names of events are not needed where they are repeated inside, which is everywhere but here.
    if (first === LETTER_E && to - from > LONGEST_SHORT_FIELD) return;
    const text = this.#withoutMark(bytes.toString("utf8", from, to));
    if (text.startsWith("data:")) this.#add(text.slice(text[5] === " " ? 6 : 5));
    else if (text.length <= LONGEST_SHORT_FIELD && /^event: ?error$/.test(text)) {
      this.#name = "error";
    }
  }

  // A byte-order mark may come before the first line.
  #withoutMark(text: string): string {
    if (!this.#first) return text;
    this.#first = false;
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  }

  #add(data: string): void {
    const before = this.#data;
    const joined = before === undefined ? data : `${before}\n${data}`;
    if (this.#clipped !== undefined) return this.#longLine({ head: data, tail: data });
    if (joined.length <= this.#cap) this.#data = joined;
    else this.#longLine({ head: joined, tail: joined });
  }

  #longLine({ head, tail }: Clipped): void {
    this.#first = false;
    const before = this.#clipped ?? { head: this.#data ?? "", tail: this.#data ?? "" };
    this.#clipped = {
      head: (before.head + head).slice(0, CLIPPED_CHARACTERS),
      tail: (before.tail + tail).slice(-CLIPPED_CHARACTERS),
    };
    this.#data = undefined;
  }

  #dispatch(): void {
    const data = this.#data;
    const clipped = this.#clipped;
    const name = this.#name;
    this.#data = undefined;
    this.#clipped = undefined;
    this.#name = undefined;
    if (clipped !== undefined) this.#sink.clipped(clipped);
    else if (data === undefined) return;
    else if (data.charCodeAt(0) === OPEN_LIST && data.trimEnd() === DONE) this.#sink.done();
    else this.#sink.json(data, name);
  }
}

// `data:`
const isData = (bytes: Buffer, from: number, to: number): boolean =>
  bytes[from] === LETTER_D &&
  to - from >= 5 &&
  bytes[from + 1] === 97 &&
  bytes[from + 2] === 116 &&
  bytes[from + 3] === 97 &&
  bytes[from + 4] === COLON;
