import type { CharacterClass } from "./character-classes.ts";
import type { Row } from "./weights.ts";

/** Where a word begins. Tokenizers join one space, or one other sign, to the word after it. */
export type WordStart = "alone" | "afterSpace" | "afterPunctuation" | "afterHump";

export type Alphanumeric = "lower" | "upper" | "digit";

export type Punctuation = "quote" | "stop" | "bracket" | "operator" | "underscore" | "dash";

type Letters = "lower" | "upper" | "accented" | "digit";

/** Everything that is neither ASCII nor an accented letter, half characters aside. */
export type Script = Exclude<
  CharacterClass,
  Letters | Punctuation | "space" | "newline" | "return" | "emoji" | "astral" | "trailing"
>;

/**
 * What came before, as far as the next character's price depends on it. `length` counts the units
 * of the current run, up to where more make no difference.
 */
export type State =
  | { readonly kind: "start" }
  | { readonly kind: "word" | "capitals"; readonly from: WordStart; readonly length: number }
  | { readonly kind: "accented"; readonly length: number }
  /** Letters and digits without a gap: an id, a hash, base64. */
  | { readonly kind: "mixed"; readonly last: Alphanumeric }
  | { readonly kind: "digits" | "space" | "indent" | "newline"; readonly length: number }
  | { readonly kind: "sign"; readonly last: Punctuation; readonly length: number }
  /** As `sign`, for one that a space precedes: it does not join the word that follows. */
  | { readonly kind: "spacedSign"; readonly last: Punctuation; readonly length: number }
  | { readonly kind: "script"; readonly script: Script; readonly length: number }
  /** Half a character beyond the 16-bit ones. */
  | { readonly kind: "half"; readonly of: "emoji" | "astral" };

/** What a character leads to, and its price: a row of the weights, and the place in it. */
export interface Move {
  readonly next: State;
  readonly price?: readonly [row: Row, index: number];
}

/** Nothing came before. */
export const start: State = { kind: "start" };

/** How a word begins after a state. */
export function wordStart(state: State): WordStart {
  if (isSpaced(state)) return "afterSpace";
  return state.kind === "sign" && state.length === 1 ? "afterPunctuation" : "alone";
}

/** Whether a space is what came before: it will be part of the token that follows. */
export const isSpaced = (state: State): boolean =>
  state.kind === "space" || state.kind === "indent";
