import type { Framing, FrameSink } from "./framing.ts";
import { Lines } from "./lines.ts";

/** One JSON value per line. A CR before the LF is white space to JSON. */
export function ndjson(sink: FrameSink, cap: number): Framing {
  const line = (bytes: Buffer, from: number, to: number): void => {
    const text = bytes.toString("utf8", from, to);
    if (text.trim() !== "") sink.json(text);
  };
  const lines = new Lines({ line, clipped: sink.clipped }, cap, false);
  return { write: (chunk) => lines.write(chunk), end: () => lines.end() };
}
