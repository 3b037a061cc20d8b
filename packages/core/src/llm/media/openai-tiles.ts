import type { Dimensions } from "./dimensions.ts";

/** How a model that sees 512-pixel tiles counts an image. */
export interface TileRule {
  readonly kind: "tiles";
  readonly base: number;
  readonly perTile: number;
  /** What the shorter side is shrunk to, in pixels. */
  readonly shorter: number;
}

const LONGER_SIDE = 2048;
const TILE = 512;

/** Tokens of an image; `low` detail is the base alone. */
export function tileTokens(
  { width, height }: Dimensions,
  { base, perTile, shorter }: TileRule,
  detail?: string,
): number {
  if (detail === "low") return base;
  const fit = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const shrink = Math.min(1, shorter / (Math.min(width, height) * fit));
  // A hair above, because 768 that comes out as 767.999… is still 768.
  const tiles = (side: number): number =>
    Math.max(1, Math.ceil(Math.floor(side * fit * shrink + 1e-9) / TILE));
  return base + tiles(width) * tiles(height) * perTile;
}
