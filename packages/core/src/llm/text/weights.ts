/**
 * What each move of the automaton costs, in tokens. A row is a situation; its numbers are, unless
 * the type says otherwise, for the first, second, … unit of a run, the last for all that follow.
 *
 * Obtained by non-negative least squares of the relative error, against the exact counts of public
 * tokenizers: 3,300 pieces of up to 1,500 characters from manuals, help pages, messages and sources
 * of 41 packages of Debian and 130 of npm in 35 languages and formats, smoothed along each row; and
 * 350 generated ones (base64, hashes, capitals, tables, emoji, runs of one character) at a low
 * weight, so that what documents lack is not free. `test/estimator-corpus.json` lists the texts that
 * judge the result; they are from other packages. They changed one thing: their lists of Cyrillic
 * capitals showed that those need a class of their own.
 */
export interface Weights {
  /** Letters of a word that follows nothing a tokenizer would join to it. */
  readonly wordAlone: readonly number[];
  /** Letters of a word after a space, */
  readonly wordAfterSpace: readonly number[];
  /** after a single sign, */
  readonly wordAfterPunctuation: readonly number[];
  /** after a capital inside a word, as in `getUser`, */
  readonly wordAfterHump: readonly number[];
  /** and after an accented letter in it. */
  readonly accentedWord: readonly number[];
  /** The first accented letter of a word, by its place in the word, */
  readonly firstAccent: readonly number[];
  /** and the others. */
  readonly nextAccent: readonly number[];
  /** A small letter after the one capital a word begins with; by how the word begins, as the rows above. */
  readonly titled: readonly number[];
  /** The first capital, by how the word begins, */
  readonly capital: readonly number[];
  /** the others, */
  readonly capitals: readonly number[];
  /** and a small letter after several. */
  readonly afterCapitals: readonly number[];
  /** A small letter and a capital after a digit; a digit after small letters and after capitals. */
  readonly mixedStart: readonly number[];
  /** Small letter, capital, digit in what mixes letters and digits; by what is before. */
  readonly mixedAfterLower: readonly number[];
  readonly mixedAfterUpper: readonly number[];
  readonly mixedAfterDigit: readonly number[];
  /** By the place in a group of three. */
  readonly digits: readonly number[];
  readonly digitAfterSpace: readonly number[];
  /** Spaces and tabs between words, */
  readonly innerSpace: readonly number[];
  /** and at the beginning of a line. */
  readonly indent: readonly number[];
  /** After text, after punctuation, after a space. */
  readonly newline: readonly number[];
  readonly newlines: readonly number[];
  /** First of a run, first after a space; second and further when the same as before; second and further when another. */
  readonly quote: readonly number[];
  readonly stop: readonly number[];
  readonly bracket: readonly number[];
  readonly operator: readonly number[];
  readonly underscore: readonly number[];
  readonly dash: readonly number[];
  readonly cyrillicCapital: readonly number[];
  readonly cyrillic: readonly number[];
  readonly afterCyrillicCapitals: readonly number[];
  readonly greek: readonly number[];
  readonly han: readonly number[];
  readonly hiragana: readonly number[];
  readonly katakana: readonly number[];
  readonly hangul: readonly number[];
  readonly arabic: readonly number[];
  readonly hebrew: readonly number[];
  readonly devanagari: readonly number[];
  readonly indic: readonly number[];
  readonly thai: readonly number[];
  readonly wide: readonly number[];
  readonly sign: readonly number[];
  readonly symbol: readonly number[];
  readonly other: readonly number[];
  readonly emoji: readonly number[];
  readonly astral: readonly number[];
  readonly loneSurrogate: readonly number[];
}

/** A situation that has prices. */
export type Row = keyof Weights;

/** For o200k. */
export const o200kWeights: Weights = {
  wordAlone: [
    0.906, 0.005, 0.005, 0.005, 0.042, 0.03, 0.005, 0.069, 0.245, 0.327, 0.422, 0.465, 0.455, 0.492,
    0.531, 0.521,
  ],
  wordAfterSpace: [
    0.472, 0.099, 0.309, 0.146, 0.128, 0.005, 0.005, 0.005, 0.177, 0.224, 0.341, 0.12, 0.1, 0.258,
    0.345, 0.33,
  ],
  wordAfterPunctuation: [
    0.272, 0.005, 0.005, 0.005, 0.005, 0.054, 0.005, 0.063, 0.17, 0.32, 0.4, 0.413, 0.352, 0.335,
    0.309, 0.254,
  ],
  wordAfterHump: [
    0, 0, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.053, 0.138, 0.187, 0.198, 0.215, 0.234,
    0.243,
  ],
  accentedWord: [
    0, 0.585, 0.245, 0.188, 0.433, 0.466, 0.414, 0.329, 0.151, 0.18, 0.287, 0.37, 0.523, 0.576,
    0.59, 0.621,
  ],
  firstAccent: [0.147, 0.481, 0.498, 0.795, 0.912, 1.22, 1.254, 1.402],
  nextAccent: [0, 0.416, 0.557, 0.795, 1.064, 1.136, 1.182, 0.956],
  titled: [1.08, 0.005, 0.782, 0.005],
  capital: [0.465, 0.619, 0.123, 0.668],
  capitals: [0, 0.005, 0.242, 0.415, 0.289, 0.041, 0.005, 0.005, 0.054, 0.569],
  afterCapitals: [1.058],
  mixedStart: [0.483, 0.864, 1.663, 1.291],
  mixedAfterLower: [0.061, 1.003, 0.553],
  mixedAfterUpper: [0.465, 0.928, 0.829],
  mixedAfterDigit: [1.438, 0.632, 0.236],
  digits: [0.988, 0.005, 0.005],
  digitAfterSpace: [2.087],
  innerSpace: [0, 1.219, 0.005],
  indent: [0.005, 0.705, 0.009],
  newline: [1.364, 0.005, 1.25],
  newlines: [0, 0.005, 0.062],
  quote: [0.744, 1.21, 0.276, 0.005, 0.005, 0.005],
  stop: [0.815, 0.496, 0.664, 0.623, 0.339, 0.381],
  bracket: [1.013, 1.201, 0.005, 0.253, 0.323, 2.066],
  operator: [1.011, 0.979, 0.417, 0.021, 0.642, 0.25],
  underscore: [1.11, 0.618, 0.005, 0.005, 0.005, 0.547],
  dash: [1.403, 1.198, 0.009, 0.005, 1.049, 0.293],
  cyrillicCapital: [2.164, 0.438, 0.451, 0.452, 0.443, 0.456],
  cyrillic: [0.472, 0.884, 0.122, 0.143, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005],
  afterCyrillicCapitals: [0.456],
  greek: [0.097, 0.434, 0.458, 0.523, 0.543, 0.519, 0.481, 0.423],
  han: [1.197, 0.748, 0.894, 0.692],
  hiragana: [0.717, 0.514, 0.605, 0.754],
  katakana: [0.352, 0.553, 0.596, 0.631, 0.827, 0.872],
  hangul: [0.982, 0.718, 0.487, 0.318, 0.212],
  arabic: [0.499, 0.352, 0.352, 0.365, 0.338, 0.297],
  hebrew: [0.524, 0.478, 0.481, 0.418, 0.373, 0.335],
  devanagari: [0.1, 0.46, 0.484, 0.488, 0.492, 0.461],
  indic: [0.582, 0.54, 0.481, 0.319],
  thai: [0.46, 0.416, 0.414, 0.411],
  wide: [0.197, 0.297],
  sign: [1.134, 0.971],
  symbol: [2.383, 0.3],
  other: [1.266, 0.244],
  emoji: [1.125, 1.125],
  astral: [1.943, 1.943],
  loneSurrogate: [0.3],
};

/** For cl100k. */
export const cl100kWeights: Weights = {
  wordAlone: [
    1.035, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.059, 0.371, 0.545, 0.678, 0.711, 0.66, 0.647,
    0.617, 0.542,
  ],
  wordAfterSpace: [
    0.49, 0.005, 0.344, 0.198, 0.141, 0.005, 0.005, 0.005, 0.222, 0.283, 0.493, 0.321, 0.429, 0.699,
    0.821, 0.779,
  ],
  wordAfterPunctuation: [
    0.215, 0.005, 0.005, 0.005, 0.005, 0.054, 0.005, 0.074, 0.123, 0.298, 0.411, 0.442, 0.382,
    0.354, 0.332, 0.29,
  ],
  wordAfterHump: [
    0, 0, 0.005, 0.005, 0.005, 0.005, 0.066, 0.078, 0.077, 0.096, 0.165, 0.21, 0.213, 0.228, 0.244,
    0.252,
  ],
  accentedWord: [
    0, 0.527, 0.376, 0.442, 0.59, 0.568, 0.479, 0.534, 0.504, 0.575, 0.598, 0.581, 0.597, 0.563,
    0.498, 0.452,
  ],
  firstAccent: [0.956, 1.169, 1.37, 1.5, 1.542, 1.74, 1.823, 1.995],
  nextAccent: [0, 0.749, 0.784, 0.894, 1.049, 1.063, 1.099, 0.87],
  titled: [1.397, 0.005, 0.837, 0.005],
  capital: [0.532, 0.625, 0.091, 0.484],
  capitals: [0, 0.005, 0.264, 0.424, 0.217, 0.005, 0.005, 0.005, 0.034, 0.589],
  afterCapitals: [1.516],
  mixedStart: [0.631, 0.605, 1.407, 1.414],
  mixedAfterLower: [0.005, 1.135, 0.623],
  mixedAfterUpper: [0.494, 1.017, 1.061],
  mixedAfterDigit: [1.457, 0.597, 0.182],
  digits: [1.013, 0.005, 0.005],
  digitAfterSpace: [2.03],
  innerSpace: [0, 1.18, 0.005],
  indent: [0.005, 0.756, 0.009],
  newline: [1.188, 0.005, 1.408],
  newlines: [0, 0.005, 0.032],
  quote: [0.815, 0.961, 0.06, 0.005, 0.005, 0.005],
  stop: [0.805, 0.567, 0.504, 0.447, 0.295, 0.408],
  bracket: [0.952, 1.234, 0.005, 0.235, 0.295, 1.758],
  operator: [0.927, 0.96, 0.353, 0.005, 0.885, 0.535],
  underscore: [1.118, 0.806, 0.005, 0.005, 0.005, 0.46],
  dash: [1.432, 1.159, 0.005, 0.005, 0.907, 0.203],
  cyrillicCapital: [2.135, 0.857, 0.851, 0.853, 0.873, 0.943],
  cyrillic: [0.773, 1.239, 0.611, 0.33, 0.06, 0.044, 0.102, 0.005, 0.032, 0.008],
  afterCyrillicCapitals: [0.415],
  greek: [0.964, 1.099, 1.087, 1.075, 1.059, 1.043, 1.039, 1.061],
  han: [1.35, 1.311, 1.318, 1.024],
  hiragana: [0.906, 0.876, 0.966, 1.092],
  katakana: [0.943, 0.945, 0.954, 0.925, 0.973, 0.98],
  hangul: [1.509, 1.031, 0.847, 0.767, 0.514],
  arabic: [1.237, 0.832, 0.78, 0.711, 0.633, 0.579],
  hebrew: [1.322, 1.178, 1.153, 1.11, 1.063, 1.028],
  devanagari: [1.432, 1.218, 1.164, 1.085, 1.011, 0.977],
  indic: [0.037, 1.415, 1.617, 2.092],
  thai: [0.785, 0.89, 0.91, 0.955],
  wide: [0.005, 0.379],
  sign: [0.824, 0.998],
  symbol: [2.432, 0.3],
  other: [0.005, 2.313],
  emoji: [1.38, 1.38],
  astral: [1.948, 1.948],
  loneSurrogate: [0.3],
};
