/**
 * Random choices that follow from a seed, so that what failed once can be looked at again. The small
 * generator of 32 bits known as mulberry32: nobody has to guess it, only to repeat it.
 */
export interface Random {
  /** An integer from `least` to `most`. */
  readonly integer: (least: number, most: number) => number;
  /** One of several. */
  readonly pick: <T>(choices: readonly [T, ...T[]]) => T;
  /** True once in `n` times. */
  readonly oneIn: (n: number) => boolean;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const bits = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const integer = (least: number, most: number): number =>
    least + Math.floor((bits() / 2 ** 32) * (most - least + 1));
  return {
    integer,
    pick: (choices) => choices[integer(0, choices.length - 1)] ?? choices[0],
    oneIn: (n) => integer(1, n) === 1,
  };
}
