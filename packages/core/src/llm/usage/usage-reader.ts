import {
  chooseFraming,
  MAX_OPENING_BYTES,
  mediaKindOf,
  needsOpening,
  OPENING_BYTES,
  openingOf,
} from "./choose-framing.ts";
import { collectUsage, usageOf } from "./counters.ts";
import type { Framing, FrameSink } from "./framing/framing.ts";
import { parseJson } from "./json-value.ts";
import { readEvent } from "./read-event.ts";
import type { PartialUsage } from "./read-usage.ts";
import { RepeatedLine } from "./repeated-line.ts";
import { salvage } from "./salvage.ts";
import { Tally } from "./tally.ts";

const DEFAULT_BUFFERED_BYTES = 256 * 1024;
const LEAST_BUFFERED_BYTES = 1024;

/** What is known of a response before its body. */
export interface UsageReaderOptions {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Reads a header of the response; Bedrock's InvokeModel has its counts there. */
  readonly header?: (name: string) => string | undefined;
  /** Tokens of a text, unrounded. */
  readonly countText: (text: string) => number;
  /**
   * The longest line, frame or JSON body that is kept, in bytes; of longer ones only the usage is read.
   * @default 262144
   */
  readonly maxBufferedBytes?: number;
}

/** What is known of an answer so far. */
export interface UsageReading {
  /** What the provider reported. */
  readonly usage: PartialUsage | undefined;
  /** The protocol's own end was seen; the HTTP status says nothing about it. */
  readonly complete: boolean;
  /** An error came inside the stream, or the answer says that it failed. */
  readonly failed: boolean;
  /** Tokens of the emitted text, without framing and repetition; unrounded. */
  readonly emittedTokens: number;
  /** Whether any byte of the body passed. */
  readonly begun: boolean;
  /** False where bytes cannot be read: encoded, binary, or no longer framed as they should be. */
  readonly readable: boolean;
  /** Whether a known kind of response was recognised. */
  readonly recognised: boolean;
  /** The model that served, by its own name for it. */
  readonly model: string | undefined;
}

/** Watches the bytes of a response. None of its methods throws, whatever the bytes are. */
export interface UsageReader {
  /** Takes in a chunk of the body; it is not kept. */
  readonly write: (chunk: Uint8Array) => void;
  /** The body has ended. */
  readonly end: () => void;
  /** May be asked at any time. */
  readonly reading: () => UsageReading;
}

/** Reads what an LLM's answer cost from its bytes as they pass, for any provider and framing. */
export function createUsageReader(options: UsageReaderOptions): UsageReader {
  const reader = new Reader(options);
  return {
    write: (chunk) => reader.write(chunk),
    end: () => reader.end(),
    reading: () => reader.reading(),
  };
}

const isIdentity = (encoding: string | undefined): boolean =>
  /^(?:identity)?$/i.test((encoding ?? "").trim());

class Reader {
  readonly #tally: Tally;
  readonly #cap: number;
  readonly #kind: ReturnType<typeof mediaKindOf>;
  readonly #inHeaders: boolean;
  readonly #repeated = new RepeatedLine();
  #framing: Framing | undefined;
  #opening = new Uint8Array(0);
  #begun = false;
  #readable: boolean;
  #ended = false;

  constructor({
    contentType,
    contentEncoding,
    header,
    countText,
    maxBufferedBytes,
  }: UsageReaderOptions) {
    this.#tally = new Tally(guarded(countText));
    this.#cap = Math.max(LEAST_BUFFERED_BYTES, maxBufferedBytes ?? DEFAULT_BUFFERED_BYTES);
    this.#kind = mediaKindOf(contentType);
    this.#readable = isIdentity(contentEncoding) && this.#kind !== "binary";
    this.#inHeaders = header !== undefined && readHeaders(header, this.#tally);
    if (this.#readable && !needsOpening(this.#kind)) this.#begin("");
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#ended) return;
    this.#begun = true;
    if (!this.#readable) return;
    this.#guard(() => {
      if (this.#framing === undefined) this.#open(chunk);
      else this.#framing.write(chunk);
    });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // Counts in headers are final before the body is.
    if (this.#inHeaders) this.#tally.ended = true;
    if (!this.#readable) return;
    this.#guard(() => {
      if (this.#framing === undefined) this.#begin(openingOf(this.#opening));
      this.#framing?.end();
      // An unknown protocol has no other end.
      const { recognised, failed } = this.#tally;
      if (this.#begun && this.#readable && !recognised && !failed) this.#tally.ended = true;
    });
  }

  reading(): UsageReading {
    const tally = this.#tally;
    return {
      usage: usageOf(tally.counters),
      complete: tally.complete,
      failed: tally.failed,
      emittedTokens: tally.text.tokens,
      begun: this.#begun,
      readable: this.#readable,
      recognised: tally.recognised,
      model: tally.model,
    };
  }

  #open(chunk: Uint8Array): void {
    const bytes = Buffer.concat([this.#opening, chunk]);
    const opening = openingOf(bytes);
    if (opening.length < OPENING_BYTES && bytes.length < MAX_OPENING_BYTES) {
      this.#opening = bytes;
      return;
    }
    this.#opening = bytes;
    this.#begin(opening);
  }

  #begin(opening: string): void {
    this.#framing = chooseFraming(this.#kind, opening, this.#sink(), this.#cap);
    this.#framing?.write(this.#opening);
    this.#opening = new Uint8Array(0);
  }

  #sink(): FrameSink {
    const tally = this.#tally;
    return {
      json: (text, name) => this.#json(text, name),
      clipped: (text) => salvage(text, tally),
      repeats: (events, from) => this.#repeats(events, from),
      text: (text) => tally.text.add(text),
      done: () => {
        tally.ended = true;
      },
      failed: () => {
        tally.failed = true;
        tally.recognised = true;
      },
      whole: () => {
        if (!tally.failed) tally.ended = true;
      },
      broken: () => {
        // Known answers say themselves when they are over.
        if (!tally.recognised) tally.cut = true;
      },
      lost: () => {
        this.#readable = false;
      },
    };
  }

  #repeats(events: string, from: number): number {
    const { texts, end } = this.#repeated.textsOf(events, from);
    // Text beyond ASCII is decoded when it has been found.
    this.#tally.text.add(isAscii(texts) ? texts : Buffer.from(texts, "latin1").toString());
    return end;
  }

  #json(text: string, name: string | undefined): boolean {
    const tally = this.#tally;
    const repeated = name === undefined ? this.#repeated.textOf(text) : undefined;
    if (repeated !== undefined) {
      tally.text.add(repeated);
      return true;
    }
    const value = parseJson(text);
    if (value === undefined) {
      // Streams of bare text; broken JSON on the other hand would be counted with its framing.
      if (!/^\s*[[{]/.test(text)) tally.text.add(text);
      return false;
    }
    tally.text.watch();
    readEvent(value, name, tally);
    this.#repeated.learn(text, name === undefined ? tally.text.watched : undefined);
    return true;
  }

  // A mistake here must never reach the response; it costs the count of this one.
  #guard(work: () => void): void {
    try {
      work();
    } catch {
      this.#readable = false;
    }
  }
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 127) return false;
  }
  return true;
}

function guarded(countText: (text: string) => number): (text: string) => number {
  return (text) => {
    try {
      return countText(text);
    } catch {
      return 0;
    }
  };
}

const headerNames = {
  inputTokens: "x-amzn-bedrock-input-token-count",
  outputTokens: "x-amzn-bedrock-output-token-count",
  cacheReadInputTokens: "x-amzn-bedrock-cache-read-input-token-count",
  cacheWriteInputTokens: "x-amzn-bedrock-cache-write-input-token-count",
} as const;

function readHeaders(header: (name: string) => string | undefined, tally: Tally): boolean {
  try {
    const counts = Object.entries(headerNames).map(([key, name]): [string, unknown] => {
      const text = header(name) ?? "";
      return [key, /^\d{1,15}$/.test(text) ? Number(text) : undefined];
    });
    const found = collectUsage(Object.fromEntries(counts), tally.counters);
    if (found) tally.recognised = true;
    return found;
  } catch {
    return false;
  }
}
