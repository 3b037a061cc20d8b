import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { type Encoding, estimateText } from "./estimate-text.ts";

const encodings: readonly Encoding[] = ["o200k", "cl100k"];

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(fc.nat(0xffff), { maxLength: 200 }).map((units) => String.fromCharCode(...units)),
);

const spaces = (count: number): string => " ".repeat(count);

describe("estimateText", () => {
  // Exact counts by o200k and cl100k.
  test.each([
    ["hello", 1, 1],
    ["Hello, world!", 4, 4],
    ["getUserName", 3, 2],
    ["const x = 1;\n  return x;\n", 10, 10],
    ["2024-01-15", 6, 6],
    ["1234567890", 4, 4],
    ["日本語テスト", 4, 6],
    ["안녕하세요", 2, 5],
    ["Привет мир", 3, 5],
    ["naïve café", 4, 4],
    ["مرحبا", 2, 5],
    ["👍", 1, 3],
    ["a\r\nb", 3, 3],
    [`a${" ".repeat(10)}b`, 3, 3],
    ["-".repeat(20), 2, 1],
    ["QmFzZTY0RW5jb2RlZERhdGEwMTIzNDU2Nzg5QUJDREVGR0hJSktMTU5PUFFS", 38, 42],
    ["createAiSdkUiMessageStreamResponse", 7, 7],
  ])("is within three tokens, or 20 %%, of the truth for %j", (text, o200k, cl100k) => {
    for (const [encoding, exact] of [
      ["o200k", o200k],
      ["cl100k", cl100k],
    ] as const) {
      const estimate = estimateText(text, encoding);
      expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(Math.max(3, 0.2 * exact));
    }
  });

  test("is 0 for no text, and above 0 for every single unit but a carriage return", () => {
    for (const encoding of encodings) {
      expect(estimateText("", encoding)).toBe(0);
      const units = Array.from({ length: 0x1_0000 }, (_, unit) => unit);
      const free = units.filter((unit) => estimateText(String.fromCharCode(unit), encoding) <= 0);
      expect(free).toStrictEqual([0x0d]);
    }
  });

  test("is finite, and never negative, for any text at all", () => {
    holds(anyText, (text) => {
      for (const encoding of encodings) {
        const estimate = estimateText(text, encoding);
        expect(Number.isFinite(estimate)).toBe(true);
        expect(estimate).toBeGreaterThanOrEqual(0);
      }
    });
  });

  test("grows with the text: more of it never costs less", () => {
    holds(fc.tuple(anyText, anyText), ([text, more]) => {
      expect(estimateText(text + more)).toBeGreaterThanOrEqual(estimateText(text));
    });
  });

  test("costs about as much in pieces as in one, so that nothing is won by cutting a text", () => {
    holds(fc.tuple(anyText, anyText), ([first, second]) => {
      const apart = estimateText(first) + estimateText(second);
      expect(Math.abs(estimateText(first + second) - apart)).toBeLessThan(4);
    });
  });

  test("costs the same with the line ends of Windows", () => {
    const text = "if (ready) {\n  go();\n}\n\n\tend\n";
    expect(estimateText(text.replaceAll("\n", "\r\n"))).toBe(estimateText(text));
  });

  test("is o200k unless told otherwise, and Russian costs more in cl100k", () => {
    const text = "Все люди рождаются свободными";
    expect(estimateText(text)).toBe(estimateText(text, "o200k"));
    expect(estimateText(text, "cl100k")).toBeGreaterThan(1.3 * estimateText(text));
  });

  test("reads samples of what is beyond 1 MiB, wherever in the text the expensive part is", () => {
    const cheap = " ".repeat(4 * 1_048_576);
    const expensive = "語".repeat(4 * 1_048_576);
    const price = estimateText("語".repeat(1_048_576)) * 4;
    for (const text of [cheap + expensive, expensive + cheap]) {
      expect(estimateText(text)).toBeGreaterThan(0.95 * price);
      expect(estimateText(text)).toBeLessThan(1.1 * price);
    }
  });

  test("reads no more than 1 MiB: what lies between the samples is not seen", () => {
    const length = 2 * 1_048_576;
    const text = spaces(17_000) + "語".repeat(10_000) + spaces(length - 27_000);
    expect(estimateText(text)).toBe(estimateText(spaces(length)));
  });

  test("counts all of a text of exactly 1 MiB, and hardly more for one unit more", () => {
    const text = `${"word ".repeat(209_715)}x`;
    expect(text).toHaveLength(1_048_576);
    const estimate = estimateText(text);
    expect(Math.abs(estimateText(`${text}y`) - estimate)).toBeLessThan(0.01 * estimate);
  });
});

describe("D-LLM-03: hostile text", () => {
  const length = 50_000;
  const units = (make: (at: number) => number): string =>
    Array.from({ length }, (_, at) => String.fromCharCode(make(at))).join("");

  test.each([
    ["one letter", "a".repeat(length)],
    ["one capital", "A".repeat(length)],
    ["distinct CJK characters", units((at) => 0x3400 + (at % 0x6b00))],
    ["spaces", " ".repeat(length)],
    ["line ends", "\n".repeat(length)],
    ["dashes", "-".repeat(length)],
    ["halves of characters", "\ud800".repeat(length)],
    ["other halves", "\udfff".repeat(length)],
    ["control characters", "\u0000".repeat(length)],
    ["special tokens", "<|endoftext|>".repeat(length / 13)],
  ])("%s have a price, in proportion to the length", (_, text) => {
    for (const encoding of encodings) {
      const all = estimateText(text, encoding);
      const half = estimateText(text.slice(0, text.length / 2), encoding);
      // 1 token per 250 units is half of what spaces cost, the cheapest of all.
      expect(all).toBeGreaterThan(text.length / 250);
      expect(all / half).toBeGreaterThan(1.95);
      expect(all / half).toBeLessThan(2.05);
    }
  });

  test("what looks like a special token is text", () => {
    expect(estimateText("<|endoftext|>")).toBeGreaterThan(2);
    expect(estimateText("<|im_start|>system")).toBeGreaterThan(3);
  });
});
