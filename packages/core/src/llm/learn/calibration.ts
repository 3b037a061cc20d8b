import { PerSubject } from "./per-subject.ts";

/** Options of {@link Calibration}. */
export interface CalibrationOptions {
  /** Subjects remembered. @default 1000 */
  readonly maxSubjects?: number;
  /** Models remembered per subject. @default 8 */
  readonly maxModels?: number;
}

/** Calls before a ratio is believed. */
const ENOUGH = 20;

// Subjects before they speak for a model: the median of fewer could be one subject's own ratio.
const QUORUM = 3;

// Weight of a new call, once `ENOUGH` have been averaged: the last twenty or so decide.
const SMOOTHING = 1 / ENOUGH;

// Real tokenizers stay well within.
const MIN_RATIO = 0.5;
const MAX_RATIO = 3;

// Sorting the subjects of a model for their median takes longer than all the rest.
const CALLS_PER_MEDIAN = 8;

/** How settled input compares with the estimate. */
interface Ratio {
  /** Mean of the logarithms, so that half and double weigh the same. */
  logMean: number;
  calls: number;
}

/** All that is known of a model. */
interface Voters {
  readonly ratios: Map<string, Ratio>;
  calls: number;
  logMedian: number | undefined;
}

function learnRatio(ratio: Ratio, logRatio: number): void {
  ratio.calls += 1;
  // The plain mean at first: smoothing from 0 would still lean on it after twenty calls.
  ratio.logMean += (logRatio - ratio.logMean) * Math.max(SMOOTHING, 1 / ratio.calls);
}

function medianOf(ratios: Iterable<Ratio>): number {
  const ascending = Float64Array.from(ratios, ({ logMean }) => logMean).toSorted();
  const middle = ascending.length >> 1;
  const upper = ascending[middle] ?? 0;
  const lower = ascending.length % 2 === 0 ? (ascending[middle - 1] ?? upper) : upper;
  return (lower + upper) / 2;
}

/**
 * Corrects input estimates by what calls turned out to have read. A subject's own calls decide once
 * there are 20; before that the median over the subjects of the model, from three subjects and 20
 * calls on. Each subject has one vote there however much it calls, so strange text of one tenant
 * moves the factor of another no further than to the next tenant's ratio.
 */
export class Calibration {
  readonly #ratios: PerSubject<Ratio>;
  readonly #models = new Map<string, Voters>();

  constructor({ maxSubjects = 1000, maxModels = 8 }: CalibrationOptions = {}) {
    this.#ratios = new PerSubject({
      maxSubjects,
      maxNames: maxModels,
      onDrop: (subject, model) => this.#forget(subject, model),
    });
  }

  /**
   * By what to multiply a text estimate: `base` times the learned correction, which stays within
   * 0.5 and 3; `base` itself while little is known.
   * @param base the multiplier of the model's family
   */
  factor(subject: string, model: string, base: number): number {
    const own = this.#ratios.get(subject, model);
    const logRatio =
      own !== undefined && own.calls >= ENOUGH
        ? own.logMean
        : (this.#models.get(model)?.logMedian ?? 0);
    return base * Math.exp(logRatio);
  }

  /**
   * Adds a settled call. Only calls whose usage the provider measured, and whose whole input was
   * text that the estimate saw: no media, no conversation or prompt kept elsewhere.
   * @param settledInput input tokens as measured, cached ones included
   * @param estimatedInput the input tokens that would have been estimated without calibration:
   *   the text's estimate times `base`, plus the overhead of messages and tools. Not the calibrated
   *   estimate, whose error shrinks as the factor is learned; not without the overhead, which would
   *   make every short prompt look underestimated
   */
  learn(subject: string, model: string, settledInput: number, estimatedInput: number): void {
    const ratio = settledInput / estimatedInput;
    // No text is that far off: the call had input that its body did not show, or several were summed.
    if (!(ratio >= MIN_RATIO && ratio <= MAX_RATIO)) return;
    const own = this.#ratios.get(subject, model) ?? { logMean: 0, calls: 0 };
    learnRatio(own, Math.log(ratio));
    this.#ratios.set(subject, model, own);
    // A name too long to be kept has no vote either.
    if (this.#ratios.get(subject, model) === own) this.#vote(subject, model, own);
  }

  #vote(subject: string, model: string, own: Ratio): void {
    const voters = this.#models.get(model) ?? { ratios: new Map(), calls: 0, logMedian: undefined };
    this.#models.set(model, voters);
    voters.ratios.set(subject, own);
    voters.calls += 1;
    const due = voters.calls >= ENOUGH && (voters.calls - ENOUGH) % CALLS_PER_MEDIAN === 0;
    if (due && voters.ratios.size >= QUORUM) voters.logMedian = medianOf(voters.ratios.values());
  }

  // Votes are bounded by what subjects may remember, hence so are models.
  #forget(subject: string, model: string): void {
    const voters = this.#models.get(model);
    if (voters === undefined) return;
    voters.ratios.delete(subject);
    if (voters.ratios.size < QUORUM) voters.logMedian = undefined;
    if (voters.ratios.size === 0) this.#models.delete(model);
  }
}
