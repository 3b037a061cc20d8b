import { move } from "./automaton.ts";
import { characterClasses } from "./character-classes.ts";
import { type Move, start, type State } from "./state.ts";
import type { Weights } from "./weights.ts";

/** The automaton as an array. A place is a state's number plus that of a character's class. */
interface Automaton {
  /** The number of the state that follows; that of the first is 0. */
  readonly next: Uint16Array;
  readonly prices: readonly Move["price"][];
}

/** Follows every move from the start, so that only states exist which some text can reach. */
function automaton(): Automaton {
  const states: State[] = [start];
  const numbers = new Map<string, number>();
  const prices: Move["price"][] = [];
  const next: number[] = [];
  const numberOf = (state: State): number => {
    const key = Object.values(state).join(" ");
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = states.push(state) * characterClasses.length - characterClasses.length;
    numbers.set(key, number);
    return number;
  };
  numbers.set(Object.values(start).join(" "), 0);
  for (const state of states) {
    for (const name of characterClasses) {
      const { next: following, price } = move(state, name);
      next.push(numberOf(following));
      prices.push(price);
    }
  }
  return { next: Uint16Array.from(next), prices };
}

const { next, prices } = automaton();

/** The state that follows, by state and class. */
export const nextStates: Uint16Array = next;

/** What each move costs in tokens, by state and class. */
export function costsOf(weights: Weights): Float64Array {
  const costs = new Float64Array(prices.length);
  for (const [place, price] of prices.entries()) {
    if (price !== undefined) costs[place] = weights[price[0]][price[1]] ?? 0;
  }
  return costs;
}
