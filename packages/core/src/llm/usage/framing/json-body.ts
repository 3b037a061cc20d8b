import { BoundedBytes, decode } from "../bounded-bytes.ts";
import type { Framing, FrameSink } from "./framing.ts";

/** One JSON value, which is read when it is there in full. */
export function jsonBody(sink: FrameSink, cap: number): Framing {
  const body = new BoundedBytes(cap);
  return {
    write: (chunk) => body.append(chunk),
    end: () => {
      if (body.empty) return;
      const { clipped } = body;
      if (clipped !== undefined) {
        // A long answer of which neither the usage nor the text is known is not an empty one.
        if (!sink.clipped(clipped)) sink.lost();
        if (clipped.tail.trimEnd().endsWith("}")) sink.whole();
        else sink.broken();
        return;
      }
      const text = decode(body.bytes).replace(/^\uFEFF/, "");
      body.clear();
      readBody(text, sink);
    },
  };
}

function readBody(text: string, sink: FrameSink): void {
  if (sink.json(text)) return sink.whole();
  // Streams of lines are sent under this content type too.
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const values = lines.filter((line) => sink.json(line));
  if (values.length === 0) sink.broken();
}
