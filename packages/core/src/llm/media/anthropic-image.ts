import type { Dimensions } from "./dimensions.ts";

/** How a Claude model counts an image: 28-pixel patches, within two limits. */
export interface ClaudeRule {
  readonly kind: "claude";
  /** The longest side in pixels. */
  readonly longEdge: number;
  readonly maxTokens: number;
}

const PATCH = 28;

/** Enough to place the scale factor to a fraction of a pixel of any header. */
const BISECTIONS = 48;

/** Tokens of an image, shrunk to the largest size that satisfies both limits. */
export function claudeTokens({ width, height }: Dimensions, rule: ClaudeRule): number {
  const tokensAt = (scale: number): number =>
    Math.max(1, Math.ceil((width * scale) / PATCH)) *
    Math.max(1, Math.ceil((height * scale) / PATCH));
  let fits = 0;
  let tooLarge = Math.min(1, rule.longEdge / Math.max(width, height));
  if (tokensAt(tooLarge) <= rule.maxTokens) return tokensAt(tooLarge);
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (fits + tooLarge) / 2;
    if (tokensAt(middle) <= rule.maxTokens) fits = middle;
    else tooLarge = middle;
  }
  return tokensAt(fits);
}
