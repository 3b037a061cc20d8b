import { anthropic } from "./shapes/anthropic.test-support.ts";
import { bedrock } from "./shapes/bedrock.test-support.ts";
import { chat } from "./shapes/chat.test-support.ts";
import type { ResponseShape } from "./shapes/framed.test-support.ts";
import { google } from "./shapes/gemini.test-support.ts";
import { ollama } from "./shapes/ollama.test-support.ts";
import { others } from "./shapes/others.test-support.ts";
import { responses } from "./shapes/responses.test-support.ts";

export { chunk, type ResponseShape, says, sse } from "./shapes/framed.test-support.ts";
export { frame, metadataFrame } from "./shapes/frames.test-support.ts";

/** Answers of every provider: with and without usage, cumulative, failing, broken off. */
export const responseShapes: readonly ResponseShape[] = [
  ...chat,
  ...responses,
  ...anthropic,
  ...google,
  ...bedrock,
  ...ollama,
  ...others,
];
