import type { Provider } from "../tokens.ts";
import type { ClaudeRule } from "./anthropic-image.ts";
import type { GeminiRule } from "./gemini-image.ts";
import type { PatchLimit, PatchRule } from "./openai-patches.ts";
import type { TileRule } from "./openai-tiles.ts";

/** How a model counts images; `flat` where nobody says. */
export type ImageRule = TileRule | PatchRule | ClaudeRule | GeminiRule | { readonly kind: "flat" };

const tiles = (base: number, perTile: number, shorter = 768): TileRule => ({
  kind: "tiles",
  base,
  perTile,
  shorter,
});

const limit = (pixels: number, patches: number): PatchLimit => ({ pixels, patches });

const patches = (
  multiplier: number,
  low: PatchLimit,
  high: PatchLimit = low,
  original?: PatchLimit,
  auto: "high" | "original" = "high",
): PatchRule =>
  original === undefined
    ? { kind: "patches", multiplier, low, high, auto }
    : { kind: "patches", multiplier, low, high, original, auto };

const large = limit(2048, 6144);
const normal = limit(2048, 2500);
const small = limit(512, Number.POSITIVE_INFINITY);
const former = limit(2048, 1536);
const standard: ClaudeRule = { kind: "claude", longEdge: 1568, maxTokens: 1568 };
const highResolution: ClaudeRule = { kind: "claude", longEdge: 2576, maxTokens: 4784 };
const gpt4o = tiles(85, 170);

/**
 * By the beginning of the model's name; the longest that matches counts. As the vendors' guides to
 * images had it in November 2026: they change with every generation of models.
 */
const rules: ReadonlyMap<string, ImageRule> = new Map<string, ImageRule>([
  ["gpt-4o", gpt4o],
  ["gpt-4.1", gpt4o],
  ["gpt-4o-mini", tiles(2833, 5667)],
  ["gpt-5", tiles(70, 140)],
  ["gpt-5.1", tiles(70, 140)],
  ["o1", tiles(75, 150)],
  ["o3", tiles(75, 150)],
  ["gpt-image-1", tiles(65, 129, 512)],
  ["gpt-5.6", patches(1.2, small, normal, limit(65_535, Number.POSITIVE_INFINITY), "original")],
  ["gpt-5.5", patches(1.2, small, normal, limit(6000, 10_000), "original")],
  ["gpt-5.4", patches(1.2, large, normal, limit(6000, 10_000))],
  ["gpt-5.2", patches(1.2, large)],
  ["gpt-4.1-mini", patches(1.62, large)],
  ["gpt-4.1-nano", patches(2.46, former)],
  ["gpt-5-mini", patches(1.2, former)],
  ["gpt-5-nano", patches(1.5, former)],
  ["o4-mini", patches(1.72, former)],
  ["claude", standard],
  ["claude-opus-4-7", highResolution],
  ["claude-opus-4-8", highResolution],
  ["claude-sonnet-5", highResolution],
  ["claude-fable-5", highResolution],
  ["claude-mythos-5", highResolution],
  ["gemini", { kind: "gemini-3" }],
  ["gemini-1.", { kind: "gemini-2" }],
  ["gemini-2.", { kind: "gemini-2" }],
]);

// What a name means is the format's own affair where the name says nothing.
const byProvider: Readonly<Record<Provider, ImageRule>> = {
  openai: gpt4o,
  azure: gpt4o,
  anthropic: standard,
  gemini: { kind: "gemini-3" },
  bedrock: { kind: "flat" },
  ollama: { kind: "flat" },
  unknown: { kind: "flat" },
};

// `gpt-5` is not the beginning of `gpt-5.7`, nor `o1` of `o10`, but of `gpt-5-2026`; `claude-opus-4.7` is `4-7`.
const continues = (name: string, prefix: string): boolean =>
  name.startsWith(prefix) &&
  !(/\d$/.test(prefix) && /^(?:\d|[.]\d)/.test(name.slice(prefix.length)));

const bareName = (model: string): string => {
  const name = model.toLowerCase().slice(model.lastIndexOf("/") + 1);
  const at = name.search(/(?:claude|gemini)/);
  return at === -1 ? name : name.slice(at).replace(/^(claude-\w+-\d)\.(?=\d)/, "$1-");
};

/** The rule for a model, by its name, else by whose format the request has. */
export function imageRuleOf(model: string | undefined, provider: Provider): ImageRule {
  const name = bareName(model ?? "");
  let found: string | undefined;
  for (const prefix of rules.keys()) {
    const longer = found === undefined || prefix.length > found.length;
    if (longer && continues(name, prefix)) found = prefix;
  }
  return (found === undefined ? undefined : rules.get(found)) ?? byProvider[provider];
}
