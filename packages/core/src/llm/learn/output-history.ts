import { PerSubject } from "./per-subject.ts";

/** Options of {@link OutputHistory}. */
export interface OutputHistoryOptions {
  /** The share of answers that should be no longer than the guess, above 0 and up to 1. @default 0.99 */
  readonly quantile?: number;
  /** Subjects remembered. @default 1000 */
  readonly maxSubjects?: number;
  /** Models remembered per subject. @default 8 */
  readonly maxModels?: number;
  /** The last so many answers count, per subject and model. @default 500 */
  readonly memory?: number;
}

/** Below this many answers nothing is guessed: too few to know their tail. */
const ENOUGH = 20;

// A sort takes some tens of microseconds. Answers that may raise the guess do so at once, since what
// is held too little is overshot; the others are at most this many behind.
const ANSWERS_PER_UPDATE = 8;

/** The last answers of one subject from one model. */
interface Answers {
  /** A ring once it is full; it grows as it is filled, because most subjects never fill theirs. */
  readonly outputs: number[];
  /** The quantile at the last update; `undefined` before there are enough. */
  guess: number | undefined;
  /** Answers learned since the beginning. */
  count: number;
}

/**
 * How long the answers to a subject are, model by model, so that a call that is about to run can
 * hold what it will hardly exceed. Bounded; nobody's models take the room of another's.
 */
export class OutputHistory {
  readonly #quantile: number;
  readonly #memory: number;
  readonly #answers: PerSubject<Answers>;

  constructor(options: OutputHistoryOptions = {}) {
    const { quantile = 0.99, maxSubjects = 1000, maxModels = 8, memory = 500 } = options;
    this.#quantile = quantile;
    this.#memory = memory;
    this.#answers = new PerSubject({ maxSubjects, maxNames: maxModels });
  }

  /** Output tokens that all but `1 - quantile` of the last answers stayed within; `undefined` before 20 answers. */
  guess(subject: string, model: string): number | undefined {
    return this.#answers.get(subject, model)?.guess;
  }

  /**
   * Adds an answer.
   * @param outputTokens as measured by the provider; estimates would only confirm themselves
   * @param censored the call was aborted, so the answer would have been longer than this
   */
  learn(subject: string, model: string, outputTokens: number, censored: boolean): void {
    if (!(outputTokens >= 0 && outputTokens <= Number.MAX_SAFE_INTEGER)) return;
    const answers = this.#answers.get(subject, model) ?? {
      outputs: [],
      guess: undefined,
      count: 0,
    };
    // An aborted answer says that there are longer ones only if it is already above the guess.
    // Counted as a short one it would let a client who hangs up early talk the guess down.
    if (censored && !(outputTokens > (answers.guess ?? Number.POSITIVE_INFINITY))) return;
    answers.outputs[answers.count % this.#memory] = outputTokens;
    answers.count += 1;
    this.#update(answers, outputTokens);
    this.#answers.set(subject, model, answers);
  }

  #update(answers: Answers, latest: number): void {
    const { outputs, count, guess } = answers;
    if (count < ENOUGH) return;
    const due = guess === undefined || latest > guess || count % ANSWERS_PER_UPDATE === 0;
    if (!due) return;
    // Typed arrays sort as numbers, and without calling back.
    const ascending = Float64Array.from(outputs).toSorted();
    answers.guess = ascending[Math.ceil(this.#quantile * ascending.length) - 1];
  }
}
