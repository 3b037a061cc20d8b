import type { Framing, FrameSink } from "./framing.ts";

/** Text without any framing. */
export function plainText(sink: FrameSink): Framing {
  const decoder = new TextDecoder("utf-8");
  return {
    write: (chunk) => sink.text(decoder.decode(chunk, { stream: true })),
    end: () => sink.text(decoder.decode()),
  };
}
