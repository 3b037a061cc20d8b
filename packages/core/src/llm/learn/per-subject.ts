/** How much a {@link PerSubject} keeps. */
export interface PerSubjectBounds<V> {
  readonly maxSubjects: number;
  readonly maxNames: number;
  /** Told what was dropped for want of room. */
  readonly onDrop?: (subject: string, name: string, value: V) => void;
}

// Real model names and conversation ids are far shorter; a longer one is made up to fill memory.
const MAX_NAME_LENGTH = 256;

/**
 * Values by subject and by a name the subject chose, such as a model's. Least recently learned goes
 * first, subjects among themselves and names within their subject: whoever makes up names drops
 * their own values only.
 */
export class PerSubject<V> {
  readonly #subjects = new Map<string, Map<string, V>>();
  readonly #bounds: PerSubjectBounds<V>;

  constructor(bounds: PerSubjectBounds<V>) {
    this.#bounds = bounds;
  }

  get(subject: string, name: string): V | undefined {
    return this.#subjects.get(subject)?.get(name);
  }

  /** Keeps a value and makes subject and name the most recent. Names above 256 characters are not kept. */
  set(subject: string, name: string, value: V): void {
    if (name.length > MAX_NAME_LENGTH) return;
    const { maxSubjects, maxNames } = this.#bounds;
    const names = this.#subjects.get(subject) ?? new Map<string, V>();
    // Iteration follows insertion: what is put back last is the most recent.
    names.delete(name);
    names.set(name, value);
    this.#subjects.delete(subject);
    this.#subjects.set(subject, names);
    if (names.size > maxNames) this.#drop(subject, names, 1);
    if (this.#subjects.size > maxSubjects) this.#dropSubject();
  }

  #dropSubject(): void {
    const [oldest] = this.#subjects;
    if (oldest === undefined) return;
    const [subject, names] = oldest;
    this.#subjects.delete(subject);
    this.#drop(subject, names, names.size);
  }

  #drop(subject: string, names: Map<string, V>, count: number): void {
    let left = count;
    for (const [name, value] of names) {
      if (left === 0) return;
      left -= 1;
      names.delete(name);
      this.#bounds.onDrop?.(subject, name, value);
    }
  }
}
