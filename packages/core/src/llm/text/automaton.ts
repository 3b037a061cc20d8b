import type { CharacterClass } from "./character-classes.ts";
import { isSpaced, type Move, type Punctuation, type Script, type State } from "./state.ts";
import { accented, alphanumeric } from "./words.ts";

/** From which length on, in UTF-16 units, the runs of a script are alike. */
const scriptLengths: Readonly<Record<Script, number>> = {
  cyrillicCapital: 6,
  cyrillic: 10,
  greek: 8,
  han: 4,
  hiragana: 4,
  katakana: 6,
  hangul: 5,
  arabic: 6,
  hebrew: 6,
  devanagari: 6,
  indic: 4,
  thai: 4,
  wide: 2,
  sign: 2,
  symbol: 2,
  other: 2,
};

function space(state: State): Move {
  if (state.kind === "start" || state.kind === "newline") {
    return { next: { kind: "indent", length: 1 }, price: ["indent", 0] };
  }
  if (state.kind === "indent") {
    return { next: { kind: "indent", length: 2 }, price: ["indent", state.length] };
  }
  if (state.kind === "space") {
    return { next: { kind: "space", length: 2 }, price: ["innerSpace", state.length] };
  }
  // Part of the token that follows.
  return { next: { kind: "space", length: 1 } };
}

function newline(state: State): Move {
  if (state.kind === "newline") {
    return { next: { kind: "newline", length: 2 }, price: ["newlines", state.length] };
  }
  const next: State = { kind: "newline", length: 1 };
  if (state.kind === "sign" || state.kind === "spacedSign") return { next, price: ["newline", 1] };
  const spaced = isSpaced(state);
  return { next, price: ["newline", spaced ? 2 : 0] };
}

function punctuation(state: State, last: Punctuation): Move {
  if (state.kind === "sign" || state.kind === "spacedSign") {
    const place = state.length === 1 ? 0 : 1;
    return {
      next: { kind: "sign", last, length: 2 + place },
      price: [last, (state.last === last ? 2 : 4) + place],
    };
  }
  const spaced = isSpaced(state);
  return {
    next: { kind: spaced ? "spacedSign" : "sign", last, length: 1 },
    price: [last, spaced ? 1 : 0],
  };
}

function ofScript(state: State, script: Script): Move {
  const before = state.kind === "script" ? state : undefined;
  if (script === "cyrillic" && before?.script === "cyrillicCapital") {
    return {
      next: { kind: "script", script, length: 2 },
      price: before.length === 1 ? ["cyrillic", 1] : ["afterCyrillicCapitals", 0],
    };
  }
  const length = before?.script === script ? Math.min(before.length + 1, scriptLengths[script]) : 1;
  return { next: { kind: "script", script, length }, price: [script, length - 1] };
}

function trailing(state: State): Move {
  if (state.kind !== "half") {
    return { next: { kind: "script", script: "other", length: 1 }, price: ["loneSurrogate", 0] };
  }
  const script = state.of === "emoji" ? "symbol" : "other";
  return { next: { kind: "script", script, length: 1 }, price: [state.of, 1] };
}

/** Reads one UTF-16 unit of a class. */
export function move(state: State, name: CharacterClass): Move {
  switch (name) {
    case "lower":
    case "upper":
    case "digit":
      return alphanumeric(state, name);
    case "accented":
      return accented(state);
    case "space":
      return space(state);
    case "newline":
      return newline(state);
    case "return":
      // Else the same text would cost more with the line ends of Windows.
      return { next: state };
    case "quote":
    case "stop":
    case "bracket":
    case "operator":
    case "underscore":
    case "dash":
      return punctuation(state, name);
    case "emoji":
    case "astral":
      return { next: { kind: "half", of: name }, price: [name, 0] };
    case "trailing":
      return trailing(state);
    case "cyrillicCapital":
    case "cyrillic":
    case "greek":
    case "han":
    case "hiragana":
    case "katakana":
    case "hangul":
    case "arabic":
    case "hebrew":
    case "devanagari":
    case "indic":
    case "thai":
    case "wide":
    case "sign":
    case "symbol":
    case "other":
      return ofScript(state, name);
  }
}
