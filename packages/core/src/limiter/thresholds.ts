import { configError } from "../errors.ts";
import { remember } from "../remember.ts";
import type { Usage } from "../usage.ts";

/** For how many subjects and limits it is remembered what was told about them. */
const MAX_REMEMBERED = 10_000;

/** Checks the `thresholds` option. */
export function parseThresholds(value: unknown): readonly number[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw configError("thresholds", "an array of percentages", value);
  const thresholds = Array.from(value, (percentage: unknown, index) => {
    if (typeof percentage === "number" && percentage > 0 && percentage <= 1000) return percentage;
    const path = `thresholds[${String(index)}]`;
    throw configError(path, "a percentage above 0, up to 1000", percentage);
  });
  return [...new Set(thresholds)].toSorted((a, b) => a - b);
}

/**
 * Notices when usage passes a percentage of its limit, once on the way up. It goes on to notice when
 * usage has fallen below it in between, as after the end of a window.
 */
export class Thresholds {
  readonly #percentages: readonly number[];
  /** The highest one passed, by limit and subject. */
  readonly #passed = new Map<string, number>();

  /** @param percentages in ascending order */
  constructor(percentages: readonly number[]) {
    this.#percentages = percentages;
  }

  get any(): boolean {
    return this.#percentages.length > 0;
  }

  /**
   * The percentages that the usage has passed since it was last looked at.
   * @param key whose usage it is, of all limits that share an id the limit's own
   */
  look(key: string, { percentage }: Pick<Usage, "percentage">): readonly number[] {
    const before = this.#passed.get(key) ?? 0;
    const now = this.#percentages.findLast((each) => percentage >= each) ?? 0;
    if (now === 0) this.#passed.delete(key);
    else if (now !== before) remember(this.#passed, key, now, MAX_REMEMBERED);
    return this.#percentages.filter((each) => each > before && each <= now);
  }
}
