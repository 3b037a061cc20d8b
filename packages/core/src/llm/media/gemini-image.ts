import type { Dimensions } from "./dimensions.ts";

/** Gemini 2 cuts an image into tiles; Gemini 3 has one count per resolution asked for. */
export interface GeminiRule {
  readonly kind: "gemini-2" | "gemini-3";
}

const SMALL_SIDE = 384;
const PER_TILE = 258;

/** Tokens of an image for Gemini 2. */
export function gemini2Tokens({ width, height }: Dimensions): number {
  if (width <= SMALL_SIDE && height <= SMALL_SIDE) return PER_TILE;
  const unit = Math.max(1, Math.floor(Math.min(width, height) / 1.5));
  return Math.ceil(width / unit) * Math.ceil(height / unit) * PER_TILE;
}

/** Tokens of an image for Gemini 3, by `mediaResolution`; high is the default. */
export function gemini3Tokens(resolution = ""): number {
  if (resolution.endsWith("ULTRA_HIGH")) return 2240;
  if (resolution.endsWith("LOW")) return 280;
  return resolution.endsWith("MEDIUM") ? 560 : 1120;
}
