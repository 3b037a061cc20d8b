/** Characters that tokenizers treat alike, in the order of their numbers. */
const names = [
  "lower",
  "upper",
  "digit",
  "space",
  "newline",
  "return",
  "quote",
  "stop",
  "bracket",
  "operator",
  "underscore",
  "dash",
  "accented",
  "cyrillicCapital",
  "cyrillic",
  "greek",
  "han",
  "hiragana",
  "katakana",
  "hangul",
  "arabic",
  "hebrew",
  "devanagari",
  "indic",
  "thai",
  "wide",
  "sign",
  "symbol",
  "emoji",
  "astral",
  "trailing",
  "other",
] as const;

export type CharacterClass = (typeof names)[number];

export const characterClasses: readonly CharacterClass[] = names;

/** Ranges of UTF-16 units; a later one overrules an earlier. What is in none is `other`. */
const ranges: readonly (readonly [from: number, to: number, name: CharacterClass])[] = [
  // Control characters are a token each.
  [0x00, 0x1f, "sign"],
  [0x20, 0x7e, "operator"],
  [0x30, 0x39, "digit"],
  [0x41, 0x5a, "upper"],
  [0x61, 0x7a, "lower"],
  [0x7f, 0xbf, "sign"],
  [0xc0, 0x24f, "accented"],
  [0xd7, 0xd7, "sign"],
  [0xf7, 0xf7, "sign"],
  [0x370, 0x3ff, "greek"],
  [0x400, 0x42f, "cyrillicCapital"],
  [0x430, 0x52f, "cyrillic"],
  [0x590, 0x5ff, "hebrew"],
  [0x600, 0x77f, "arabic"],
  [0x900, 0x97f, "devanagari"],
  [0x980, 0xdff, "indic"],
  [0xe00, 0xeff, "thai"],
  [0x1e00, 0x1eff, "accented"],
  [0x1f00, 0x1fff, "greek"],
  [0x2000, 0x206f, "sign"],
  [0x2070, 0x2bff, "symbol"],
  [0x3000, 0x3040, "wide"],
  [0x3041, 0x309f, "hiragana"],
  [0x30a0, 0x30ff, "katakana"],
  [0x3400, 0x9fff, "han"],
  [0xac00, 0xd7af, "hangul"],
  [0xd800, 0xdbff, "astral"],
  [0xd83c, 0xd83e, "emoji"],
  [0xdc00, 0xdfff, "trailing"],
  [0xf900, 0xfaff, "han"],
  [0xff00, 0xffef, "wide"],
];

const single: readonly (readonly [characters: string, name: CharacterClass])[] = [
  [" \t", "space"],
  ["\n", "newline"],
  ["\r", "return"],
  [`"'\``, "quote"],
  [".,:;", "stop"],
  ["()[]{}<>", "bracket"],
  ["_", "underscore"],
  ["-", "dash"],
];

/** The number of the class of every UTF-16 unit. */
export function classTable(): Uint8Array {
  const table = new Uint8Array(0x1_0000).fill(names.indexOf("other"));
  for (const [from, to, name] of ranges) table.fill(names.indexOf(name), from, to + 1);
  for (const [characters, name] of single) {
    for (let at = 0; at < characters.length; at += 1) {
      table[characters.charCodeAt(at)] = names.indexOf(name);
    }
  }
  return table;
}
