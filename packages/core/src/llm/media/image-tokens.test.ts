import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import type { Provider } from "../tokens.ts";
import { imageRuleOf } from "./image-rules.ts";
import { imageTokens, sizedImageTokens } from "./image-tokens.ts";
import { dataUrl, jpeg, png } from "./pictures.test-support.ts";

const tokens = (
  model: string,
  [width, height]: readonly [number, number],
  detail?: string,
  provider: Provider = "openai",
): number => sizedImageTokens({ width, height }, imageRuleOf(model, provider), detail);

type Vector = readonly [string, readonly [number, number], string | undefined, number];

const tiles: readonly Vector[] = [
  ["gpt-4o", [1024, 1024], undefined, 765],
  ["gpt-4o", [2048, 4096], undefined, 1105],
  ["gpt-4o", [512, 512], undefined, 255],
  ["gpt-4o", [1920, 1080], undefined, 1105],
  ["gpt-4o", [4000, 4000], "low", 85],
  ["gpt-4o-mini", [1024, 1024], undefined, 25_501],
  ["gpt-4o-mini-2024-07-18", [1024, 1024], "auto", 25_501],
  ["gpt-5.1", [1024, 1024], undefined, 630],
  ["o1-pro", [512, 512], undefined, 225],
  ["gpt-image-1", [1024, 1024], undefined, 65 + 129],
];

const patches: readonly Vector[] = [
  ["gpt-5.4", [1024, 1024], "high", 1229],
  ["gpt-5.4", [2048, 2048], "high", 3000],
  ["gpt-5.4", [3000, 1000], "high", 1690],
  ["gpt-5.4-nano", [2048, 2048], "auto", 3000],
  ["gpt-5.4", [2048, 2048], "low", 4916],
  ["gpt-5.4", [4000, 3000], "original", 11_868],
  ["gpt-5.6", [4000, 3000], "original", 14_100],
  ["gpt-5.6-sol", [4000, 3000], undefined, 14_100],
  ["gpt-5.5", [1024, 1024], "low", 308],
  ["gpt-4.1-mini", [800, 600], undefined, 770],
];

const claude: readonly (readonly [readonly [number, number], number, number])[] = [
  [[200, 200], 64, 64],
  [[1000, 1000], 1296, 1296],
  [[1092, 1092], 1521, 1521],
  [[1920, 1080], 1560, 2691],
  [[2000, 1500], 1564, 3888],
  [[3840, 2160], 1560, 4784],
];

describe("image tokens", () => {
  test.each(tiles)("%s counts tiles of %j at detail %s: %i", (model, size, detail, expected) => {
    expect(tokens(model, size, detail)).toBe(expected);
  });

  test.each(patches)(
    "%s counts patches of %j at detail %s: %i",
    (model, size, detail, expected) => {
      expect(tokens(model, size, detail)).toBe(expected);
    },
  );

  test.each(claude)("Claude counts %j as %i, or %i in high resolution", (size, standard, high) => {
    expect(tokens("claude-3-7-sonnet-20250219", size)).toBe(standard);
    for (const model of ["claude-opus-4-7", "anthropic/claude-opus-4.8", "claude-sonnet-5-1"])
      expect(tokens(model, size)).toBe(high);
  });

  test("Gemini 2 counts tiles, Gemini 3 what resolution is asked for", () => {
    expect(tokens("gemini-2.5-flash", [384, 300])).toBe(258);
    expect(tokens("gemini-2.5-flash", [960, 540])).toBe(1548);
    expect(tokens("gemini-2.0-pro", [1024, 1024])).toBe(1032);
    expect(tokens("gemini-3-pro", [10, 10])).toBe(1120);
    expect(tokens("gemini-3-pro", [10, 10], "MEDIA_RESOLUTION_LOW")).toBe(280);
    expect(tokens("gemini-3-pro", [10, 10], "MEDIA_RESOLUTION_MEDIUM")).toBe(560);
    expect(tokens("gemini-3-pro", [10, 10], "MEDIA_RESOLUTION_ULTRA_HIGH")).toBe(2240);
  });

  test("a later version is no earlier one, and a region or vendor before a name changes nothing", () => {
    expect(imageRuleOf("gpt-5.7", "openai")).toEqual(imageRuleOf("gpt-4o", "openai"));
    expect(imageRuleOf("gpt-5-2025-08-07", "openai")).toEqual(imageRuleOf("gpt-5", "openai"));
    expect(imageRuleOf("us.anthropic.claude-opus-4-7-v1:0", "bedrock")).toEqual(
      imageRuleOf("claude-opus-4-7", "anthropic"),
    );
    expect(imageRuleOf("openai/gpt-4o-mini", "unknown")).toEqual(
      imageRuleOf("gpt-4o-mini", "openai"),
    );
  });

  test("an unnamed model counts as its format's own, and nobody knows those of Ollama", () => {
    expect(imageRuleOf(undefined, "anthropic")).toEqual(imageRuleOf("claude-3", "anthropic"));
    expect(imageRuleOf("my-deployment", "azure")).toEqual(imageRuleOf("gpt-4o", "openai"));
    expect(imageRuleOf("llava", "ollama")).toEqual({ kind: "flat" });
  });

  test.each([
    ["gpt-4o", "openai", 1500],
    ["gpt-5.4", "openai", 1500],
    ["claude-3-opus", "anthropic", 1500],
    ["claude-opus-4-8", "anthropic", 4800],
    ["gemini-2.5-pro", "gemini", 1548],
    ["gemini-3-pro", "gemini", 1120],
    ["llava", "ollama", 1500],
  ] as const)("an image of unknown size for %s of %s counts %i", (model, provider, expected) => {
    const rule = imageRuleOf(model, provider);
    expect(imageTokens({ source: "https://example.test/a.png" }, rule)).toBe(expected);
    expect(imageTokens({}, rule)).toBe(expected);
    expect(imageTokens({ source: jpeg({ width: 9, height: 9 }, 400_000) }, rule)).toBe(expected);
    expect(imageTokens({}, rule, { image: 77 })).toBe(77);
  });

  test("a header that lies is worth no more than the most an image counts", () => {
    const lie = dataUrl("image/png", png({ width: 4_000_000_000, height: 4_000_000_000 }));
    const rule = imageRuleOf("gpt-5.6", "openai");
    expect(imageTokens({ source: lie, detail: "original" }, rule)).toBe(50_000);
    expect(imageTokens({ source: lie, detail: "original" }, rule, { maxImage: 9000 })).toBe(9000);
  });

  test("any size gives a positive integer under every rule", () => {
    const models = ["gpt-4o", "gpt-5.4", "gpt-5.6", "o4-mini", "claude-3", "claude-opus-4-7"];
    const side = fc.oneof(
      fc.integer({ min: 1, max: 9000 }),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    );
    const model = fc.constantFrom(...models, "gemini-2.5-pro", "gemini-3-pro", "llava");
    const detail = fc.constantFrom(undefined, "low", "high", "auto", "original", "nonsense");
    holds(fc.tuple(side, side, model, detail), ([width, height, name, wanted]) => {
      const count = tokens(name, [width, height], wanted);
      expect(Number.isSafeInteger(count)).toBe(true);
      expect(count).toBeGreaterThan(0);
    });
  });
});
