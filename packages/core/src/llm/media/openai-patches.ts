import type { Dimensions } from "./dimensions.ts";

/** The longest side in pixels, and the most patches of an image. */
export interface PatchLimit {
  readonly pixels: number;
  readonly patches: number;
}

/** How a model that sees 32-pixel patches counts an image. */
export interface PatchRule {
  readonly kind: "patches";
  readonly multiplier: number;
  readonly low: PatchLimit;
  readonly high: PatchLimit;
  /** Absent where the model does not know this detail. */
  readonly original?: PatchLimit;
  /** What `auto` and an absent detail mean. */
  readonly auto: "high" | "original";
}

const PATCH = 32;

// Floating-point noise must not turn a whole number into the next one.
const floor = (value: number): number => Math.floor(value + 1e-9);
const ceil = (value: number): number => Math.ceil(value - 1e-9);

const patchesOf = (width: number, height: number): number =>
  Math.max(1, ceil(width / PATCH)) * Math.max(1, ceil(height / PATCH));

function limitOf(rule: PatchRule, detail = "auto"): PatchLimit {
  if (detail === "low") return rule.low;
  if (detail === "high") return rule.high;
  const original = rule.original ?? rule.high;
  return detail === "original" || rule.auto === "original" ? original : rule.high;
}

/** Tokens of an image, shrunk to what its detail allows. */
export function patchTokens(size: Dimensions, rule: PatchRule, detail?: string): number {
  const { pixels, patches } = limitOf(rule, detail);
  const fit = Math.min(1, pixels / Math.max(size.width, size.height));
  const width = size.width * fit;
  const height = size.height * fit;
  const count = patchesOf(width, height);
  if (count <= patches) return ceil(count * rule.multiplier);

  const ratio = Math.sqrt((PATCH * PATCH * patches) / (width * height));
  const across = (width * ratio) / PATCH;
  const down = (height * ratio) / PATCH;
  const whole = ratio * Math.min(floor(across) / across, floor(down) / down);
  const shrunk = patchesOf(floor(width * whole), floor(height * whole));
  return ceil(Math.min(shrunk, patches) * rule.multiplier);
}
