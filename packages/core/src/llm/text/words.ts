import {
  type Alphanumeric,
  isSpaced,
  type Move,
  type State,
  wordStart,
  type WordStart,
} from "./state.ts";
import type { Row } from "./weights.ts";

const wordStarts: readonly WordStart[] = ["alone", "afterSpace", "afterPunctuation", "afterHump"];

const wordRows = {
  alone: "wordAlone",
  afterSpace: "wordAfterSpace",
  afterPunctuation: "wordAfterPunctuation",
  afterHump: "wordAfterHump",
} as const satisfies Record<WordStart, Row>;

const alphanumerics: readonly Alphanumeric[] = ["lower", "upper", "digit"];

const mixedRows = {
  lower: "mixedAfterLower",
  upper: "mixedAfterUpper",
  digit: "mixedAfterDigit",
} as const satisfies Record<Alphanumeric, Row>;

const WORD_LENGTH = 16;
const ACCENTED_LENGTH = 8;
const CAPITALS_LENGTH = 10;

const word = (from: WordStart, length: number): State => ({
  kind: "word",
  from,
  length: Math.min(length, WORD_LENGTH),
});

function mixed(state: State, last: Alphanumeric): Move | undefined {
  const next: State = { kind: "mixed", last };
  const index = alphanumerics.indexOf(last);
  if (state.kind === "mixed") return { next, price: [mixedRows[state.last], index] };
  if (state.kind === "digits")
    return last === "digit" ? undefined : { next, price: ["mixedStart", index] };
  if (last !== "digit") return undefined;
  if (state.kind === "word") return { next, price: ["mixedStart", 2] };
  return state.kind === "capitals" ? { next, price: ["mixedStart", 3] } : undefined;
}

function lower(state: State): Move {
  if (state.kind === "word") {
    const next = word(state.from, state.length + 1);
    return { next, price: [wordRows[state.from], Math.min(state.length, WORD_LENGTH - 1)] };
  }
  if (state.kind === "accented") {
    const length = Math.min(state.length + 1, WORD_LENGTH);
    return { next: { kind: "accented", length }, price: ["accentedWord", length - 1] };
  }
  if (state.kind === "capitals") {
    return state.length === 1
      ? { next: word(state.from, 2), price: ["titled", wordStarts.indexOf(state.from)] }
      : { next: word("afterHump", 3), price: ["afterCapitals", 0] };
  }
  const from = wordStart(state);
  return { next: word(from, 1), price: [wordRows[from], 0] };
}

function upper(state: State): Move {
  if (state.kind === "capitals") {
    const length = Math.min(state.length + 1, CAPITALS_LENGTH);
    return { next: { ...state, length }, price: ["capitals", length - 1] };
  }
  const hump = state.kind === "word" || state.kind === "accented";
  const from = hump ? "afterHump" : wordStart(state);
  return {
    next: { kind: "capitals", from, length: 1 },
    price: ["capital", wordStarts.indexOf(from)],
  };
}

/** An accented letter. */
export function accented(state: State): Move {
  const inside = state.kind === "word" || state.kind === "accented";
  const before = inside ? state.length : state.kind === "capitals" ? 1 : 0;
  return {
    next: { kind: "accented", length: Math.min(before + 1, WORD_LENGTH) },
    price: [
      state.kind === "accented" ? "nextAccent" : "firstAccent",
      Math.min(before, ACCENTED_LENGTH - 1),
    ],
  };
}

function digit(state: State): Move {
  // Tokenizers cut digits in threes.
  const length = state.kind === "digits" ? (state.length % 3) + 1 : 1;
  return {
    next: { kind: "digits", length },
    price: isSpaced(state) ? ["digitAfterSpace", 0] : ["digits", length - 1],
  };
}

/** A letter or digit of ASCII. */
export function alphanumeric(state: State, name: Alphanumeric): Move {
  const inMixture = mixed(state, name);
  if (inMixture !== undefined) return inMixture;
  if (name === "digit") return digit(state);
  return name === "lower" ? lower(state) : upper(state);
}
