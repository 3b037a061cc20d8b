import { claudeTokens } from "./anthropic-image.ts";
import type { MediaSource } from "./bytes.ts";
import { defaultMedia, type MediaConstants } from "./constants.ts";
import { type Dimensions, dimensionsOf } from "./dimensions.ts";
import { gemini2Tokens, gemini3Tokens } from "./gemini-image.ts";
import type { ImageRule } from "./image-rules.ts";
import { patchTokens } from "./openai-patches.ts";
import { tileTokens } from "./openai-tiles.ts";

/** An image of a request. */
export interface ImagePart {
  /** Absent, remote and unreadable images count as one of unknown size. */
  readonly source?: MediaSource | undefined;
  /** `detail` of OpenAI, `mediaResolution` of Gemini. */
  readonly detail?: string | undefined;
}

/** Tokens of an image of known size. */
export function sizedImageTokens(size: Dimensions, rule: ImageRule, detail?: string): number {
  switch (rule.kind) {
    case "tiles":
      return tileTokens(size, rule, detail);
    case "patches":
      return patchTokens(size, rule, detail);
    case "claude":
      return claudeTokens(size, rule);
    case "gemini-2":
      return gemini2Tokens(size);
    case "gemini-3":
      return gemini3Tokens(detail);
    case "flat":
      return unknownImageTokens(rule, detail);
  }
}

function unknownImageTokens(rule: ImageRule, detail?: string): number {
  switch (rule.kind) {
    case "tiles":
      // Low detail costs the same for every size.
      return detail === "low" ? rule.base : 1500;
    case "claude":
      return rule.maxTokens > 1568 ? 4800 : 1500;
    case "gemini-2":
      return 6 * 258;
    case "gemini-3":
      return gemini3Tokens(detail);
    case "patches":
    case "flat":
      return 1500;
  }
}

/** Tokens of an image, by its header where that can be read, within `maxImage`. */
export function imageTokens(
  { source, detail }: ImagePart,
  rule: ImageRule,
  constants: MediaConstants = {},
): number {
  const size = source === undefined ? undefined : dimensionsOf(source);
  const tokens =
    size === undefined || rule.kind === "flat"
      ? (constants.image ?? unknownImageTokens(rule, detail))
      : sizedImageTokens(size, rule, detail);
  return Math.min(tokens, constants.maxImage ?? defaultMedia.maxImage);
}
