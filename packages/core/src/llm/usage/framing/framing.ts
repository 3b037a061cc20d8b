import type { Clipped } from "../bounded-bytes.ts";

/** Where the contents of frames go. */
export interface FrameSink {
  /**
   * One JSON text, with the type its frame gives it.
   * @returns whether it was JSON
   */
  readonly json: (text: string, name?: string) => boolean;
  /**
   * One JSON text that was too long to keep.
   * @returns whether its usage was found
   */
  readonly clipped: (text: Clipped) => boolean;
  /**
   * Takes in events that are like the one before, without cutting them up.
   * @param events bytes, each as one character
   * @param from where in them an event begins
   * @returns where the first event begins that is not like it
   */
  readonly repeats: (events: string, from: number) => number;
  /** Plain text, cut anywhere. */
  readonly text: (text: string) => void;
  /** The end of a stream as some protocols announce it. */
  readonly done: () => void;
  /** An error that the frame itself tells. */
  readonly failed: () => void;
  /** The answer was one body, and it is there in full. */
  readonly whole: () => void;
  /** The answer was one value, and broke off. */
  readonly broken: () => void;
  /** What follows cannot be read. */
  readonly lost: () => void;
}

/** Cuts a byte stream into what its format frames. */
export interface Framing {
  readonly write: (chunk: Uint8Array) => void;
  readonly end: () => void;
}
