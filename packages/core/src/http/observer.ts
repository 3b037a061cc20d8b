import { asksForUsage, withUsageRequested } from "../llm/request/rewrite.ts";
import { UsageStripper } from "../llm/usage/strip-usage.ts";
import type { UsageReader, UsageReading } from "../llm/usage/usage-reader.ts";

/** Reads a response header, by its name in lower case. */
export type ReadHeader = (name: string) => string | undefined;

/** Where a body is sent, which tells its format; left out, the body does. */
export interface UpstreamPath {
  readonly path?: string;
}

/** What an answer consists of, as it passes. Adapters call these; none of them throws. */
export interface ResponseObserver {
  /** Before the first byte, with the headers as the handler and the layers below it have set them. */
  readonly head: (header: ReadHeader) => void;
  /** A part of the body. @returns what is to be sent instead, or `undefined` for the part itself */
  readonly data: (part: Uint8Array) => readonly Uint8Array[] | undefined;
  /** The body is complete. @returns what is still to be sent */
  readonly end: () => readonly Uint8Array[];
}

// Reading many small parts at once takes less than half the time of reading them one by one, and nobody
// asks before the end. Answers that stay short need no more than the first of these.
const FIRST_BATCH_BYTES = 4 * 1024;
const BATCH_BYTES = 32 * 1024;
const noBytes = new Uint8Array(0);

/** Reads the usage of an answer, and takes from it only what was added by {@link ask}. */
export class UsageObserver implements ResponseObserver {
  readonly #open: (header: ReadHeader) => UsageReader;
  #reader: UsageReader | undefined;
  #stripper: UsageStripper | undefined;
  #strips = false;
  #batch = noBytes;
  #batched = 0;

  constructor(open: (header: ReadHeader) => UsageReader) {
    this.#open = open;
  }

  get reading(): UsageReading | undefined {
    this.#flush();
    return this.#reader?.reading();
  }

  /** The body with usage asked for; the part of the answer that tells it will not reach the client. */
  readonly ask = <Body>(body: Body, path: UpstreamPath): Body => {
    const asking = withUsageRequested(body, path);
    // Who asked for it will get it. Asked for again, in a retry say, it is still not the client's.
    this.#strips ||= asking !== body && !asksForUsage(body);
    return asking;
  };

  readonly head = (header: ReadHeader): void => {
    this.#reader = this.#open(header);
    const type = header("content-type")?.toLowerCase() ?? "";
    const encoding = header("content-encoding")?.toLowerCase() ?? "identity";
    // Encoded bytes cannot be taken apart.
    if (this.#strips && type.startsWith("text/event-stream") && encoding === "identity") {
      this.#stripper = new UsageStripper();
    }
  };

  readonly data = (part: Uint8Array): readonly Uint8Array[] | undefined => {
    const { length } = part;
    if (this.#batched + length > BATCH_BYTES) this.#flush();
    if (length > BATCH_BYTES) this.#reader?.write(part);
    else {
      // A copy, since the part's owner may use its memory again once it was sent.
      if (this.#batched + length > this.#batch.length) this.#grow(this.#batched + length);
      this.#batch.set(part, this.#batched);
      this.#batched += length;
    }
    return this.#stripper?.push(part);
  };

  readonly end = (): readonly Uint8Array[] => {
    this.#flush();
    this.#reader?.end();
    return this.#stripper?.end() ?? [];
  };

  #grow(needed: number): void {
    let size = Math.max(FIRST_BATCH_BYTES, this.#batch.length);
    while (size < needed) size *= 2;
    const batch = new Uint8Array(size);
    batch.set(this.#batch);
    this.#batch = batch;
  }

  #flush(): void {
    if (this.#batched === 0) return;
    this.#reader?.write(this.#batch.subarray(0, this.#batched));
    this.#batched = 0;
  }
}
