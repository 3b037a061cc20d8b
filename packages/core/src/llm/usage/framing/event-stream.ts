import { BoundedBytes, decode } from "../bounded-bytes.ts";
import { isObject, parseJson, textAt } from "../json-value.ts";
import type { Framing, FrameSink } from "./framing.ts";

const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
const MAX_HEADER_BYTES = 128 * 1024;
/** 16 MiB of payload, the most that the encoding allows. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024 + MAX_HEADER_BYTES + PRELUDE_BYTES + CRC_BYTES;

/** Bytes of a header's value by its type; types 6 and 7 begin with their length. */
const valueBytes: readonly number[] = [0, 0, 1, 2, 4, 8, 2, 2, 8, 16];
const STRING = 7;

/**
 * AWS event streams. Checksums are not checked: a frame that is read wrong costs a count, while the
 * bytes themselves pass in any case.
 */
export class EventStream implements Framing {
  readonly #sink: FrameSink;
  readonly #cap: number;
  readonly #frame: BoundedBytes;
  /** Bytes until the prelude, or then the frame, is there. */
  #missing = PRELUDE_BYTES;
  #inPrelude = true;
  #skipping = false;
  #lost = false;

  constructor(sink: FrameSink, cap: number) {
    this.#sink = sink;
    this.#cap = Math.max(cap, PRELUDE_BYTES);
    this.#frame = new BoundedBytes(this.#cap);
  }

  write(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length && !this.#lost) {
      const to = Math.min(chunk.length, from + this.#missing);
      if (!this.#skipping) this.#frame.append(chunk.subarray(from, to));
      this.#missing -= to - from;
      from = to;
      if (this.#missing === 0) this.#next();
    }
  }

  end(): void {
    this.#frame.clear();
  }

  #next(): void {
    if (this.#inPrelude) return this.#begin();
    if (!this.#skipping) readFrame(this.#frame.bytes, this.#sink);
    this.#frame.clear();
    this.#inPrelude = true;
    this.#skipping = false;
    this.#missing = PRELUDE_BYTES;
  }

  #begin(): void {
    const view = viewOf(this.#frame.bytes);
    const total = view.getUint32(0);
    const headers = view.getUint32(4);
    const least = PRELUDE_BYTES + headers + CRC_BYTES;
    if (total < least || total > MAX_FRAME_BYTES || headers > MAX_HEADER_BYTES) {
      this.#lost = true;
      this.#frame.clear();
      this.#sink.lost();
      return;
    }
    this.#inPrelude = false;
    this.#missing = total - PRELUDE_BYTES;
    this.#skipping = total > this.#cap;
  }
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readFrame(frame: Uint8Array, sink: FrameSink): void {
  const headerEnd = PRELUDE_BYTES + viewOf(frame).getUint32(4);
  const headers = readHeaders(frame.subarray(PRELUDE_BYTES, headerEnd));
  const kind = headers.get(":message-type");
  if (kind === "exception" || kind === "error") return sink.failed();
  const payload = decode(frame.subarray(headerEnd, frame.length - CRC_BYTES));
  const name = headers.get(":event-type");
  const text = name === "chunk" ? chunkOf(payload) : payload;
  if (text !== undefined) sink.json(text, name);
}

/** The vendor's own event inside one of InvokeModel's. */
function chunkOf(payload: string): string | undefined {
  const value = parseJson(payload);
  const base64 = isObject(value) ? textAt(value, "bytes") : "";
  return base64 === "" ? undefined : decode(Buffer.from(base64, "base64"));
}

function readHeaders(block: Uint8Array): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const view = viewOf(block);
  let at = 0;
  while (at < block.length) {
    const nameEnd = at + 1 + view.getUint8(at);
    // What follows cannot be told from its lengths any more.
    if (nameEnd >= block.length) break;
    const type = view.getUint8(nameEnd);
    const fixed = valueBytes[type];
    if (fixed === undefined || nameEnd + 1 + fixed > block.length) break;
    const sized = type === 6 || type === STRING;
    const from = nameEnd + 1 + (sized ? 2 : 0);
    const to = from + (sized ? view.getUint16(nameEnd + 1) : fixed);
    if (to > block.length) break;
    if (type === STRING)
      headers.set(decode(block.subarray(at + 1, nameEnd)), decode(block.subarray(from, to)));
    at = to;
  }
  return headers;
}
