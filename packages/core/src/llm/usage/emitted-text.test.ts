import { expect, test } from "@jest/globals";

import { EmittedText } from "./emitted-text.ts";

/** The blocks in which these pieces are counted. */
function blocksOf(pieces: readonly string[]): readonly string[] {
  const seen: string[] = [];
  const text = new EmittedText((block) => {
    seen.push(block);
    return block.length;
  });
  for (const piece of pieces) text.add(piece);
  expect(text.tokens).toBe(pieces.join("").length);
  return seen;
}

test("the same text is counted in the same blocks however it came, and never between halves of a character", () => {
  const long = `a${"\u{1F30A}".repeat(1500)}`;
  const whole = blocksOf([long]);
  expect(whole.length).toBe(3);
  expect(whole.every((block) => !/\p{Cs}/u.test(block))).toBe(true);
  expect(blocksOf(Array.from(long))).toEqual(whole);
});
