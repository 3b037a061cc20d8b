/** Enough of the beginning to tell what it is. */
const HEAD_BYTES = 8 * 1024;
/** Enough of the end to hold a usage object and what follows it. */
const TAIL_BYTES = 16 * 1024;
const FIRST_BYTES = 1024;
/** Above this, memory is given back between two lines. */
const KEPT_BYTES = 16 * 1024;

// Marks of the byte order are text like any other, except where a format says otherwise.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 as text; what is no UTF-8 becomes replacement characters. */
export const decode = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The same bytes, as the kind of array that is searched several times as fast as others. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What is left of something too long to keep. */
export interface Clipped {
  readonly head: string;
  readonly tail: string;
}

/** Collects bytes up to a cap; past it, keeps only the first and the last few KiB. */
export class BoundedBytes {
  readonly #cap: number;
  readonly #headBytes: number;
  readonly #tailBytes: number;
  #kept = new Uint8Array(0);
  #length = 0;
  #tail: Uint8Array | undefined;
  #tailLength = 0;

  constructor(cap: number) {
    this.#cap = cap;
    this.#headBytes = Math.min(HEAD_BYTES, cap >> 2);
    this.#tailBytes = Math.min(TAIL_BYTES, cap >> 1);
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  /** Set when more came than may be kept. */
  get clipped(): Clipped | undefined {
    if (this.#tail === undefined) return undefined;
    const from = Math.max(0, this.#tailLength - this.#tailBytes);
    return {
      head: decode(this.#kept.subarray(0, this.#headBytes)),
      tail: decode(this.#tail.subarray(from, this.#tailLength)),
    };
  }

  /** All bytes; only valid until the next change, and only while nothing was clipped. */
  get bytes(): Uint8Array {
    return this.#kept.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    if (this.#tail !== undefined) {
      this.#tailLength = appendTail(this.#tail, this.#tailLength, bytes);
      return;
    }
    if (this.#length + bytes.length > this.#cap) return this.#clip(bytes);
    this.#grow(this.#length + bytes.length);
    this.#kept.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  clear(): void {
    this.#length = 0;
    this.#tail = undefined;
    this.#tailLength = 0;
    if (this.#kept.length > KEPT_BYTES) this.#kept = new Uint8Array(0);
  }

  // The head is filled up first: where the cap was reached depends on how the bytes were cut.
  #clip(bytes: Uint8Array): void {
    const room = Math.min(bytes.length, Math.max(0, this.#headBytes - this.#length));
    this.#grow(this.#length + room);
    this.#kept.set(bytes.subarray(0, room), this.#length);
    const tail = new Uint8Array(2 * this.#tailBytes);
    const length = appendTail(tail, 0, this.#kept.subarray(0, this.#length));
    this.#tailLength = appendTail(tail, length, bytes);
    this.#tail = tail;
    this.#length = Math.max(1, Math.min(this.#length + room, this.#headBytes));
    this.#kept = this.#kept.slice(0, this.#headBytes);
  }

  #grow(length: number): void {
    if (length <= this.#kept.length) return;
    const larger = new Uint8Array(
      Math.min(this.#cap, Math.max(length, 2 * this.#kept.length, FIRST_BYTES)),
    );
    larger.set(this.#kept.subarray(0, this.#length));
    this.#kept = larger;
  }
}

// Twice as long as what it is for, so that it has to be moved only once in a while.
function appendTail(tail: Uint8Array, length: number, bytes: Uint8Array): number {
  const half = tail.length >> 1;
  if (bytes.length >= half) {
    tail.set(bytes.subarray(bytes.length - half));
    return half;
  }
  if (length + bytes.length <= tail.length) {
    tail.set(bytes, length);
    return length + bytes.length;
  }
  tail.copyWithin(0, length - half, length);
  tail.set(bytes, half);
  return half + bytes.length;
}
