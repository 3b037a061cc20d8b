import { type Counters, newCounters } from "./counters.ts";
import { EmittedText } from "./emitted-text.ts";

/** More answers than any API gives at once. */
const MAX_CHOICES = 256;
const MAX_MODEL_CHARACTERS = 256;

/** What is known of an answer while it passes. */
export class Tally {
  readonly counters: Counters = newCounters();
  readonly text: EmittedText;
  /** The protocol's own end was seen. */
  ended = false;
  /** The protocol said that it stopped early, or has not finished. */
  cut = false;
  failed = false;
  recognised = false;
  /** Bedrock says that the message is over, and only then what it took. */
  messageStopped = false;
  #model: string | undefined;
  readonly #open = new Set<number>();
  readonly #finished = new Set<number>();

  constructor(countText: (text: string) => number) {
    this.text = new EmittedText(countText);
  }

  get model(): string | undefined {
    return this.#model;
  }

  get complete(): boolean {
    if (this.cut) return false;
    return this.ended || (this.#finished.size > 0 && this.#open.size === 0);
  }

  /** One of several answers wrote something, or ended. */
  choice(index: unknown, finished: boolean): void {
    const number = typeof index === "number" ? index : 0;
    if (finished) {
      this.#open.delete(number);
      if (this.#finished.size < MAX_CHOICES) this.#finished.add(number);
    } else if (!this.#finished.has(number) && this.#open.size < MAX_CHOICES) {
      this.#open.add(number);
    }
  }

  /** The first name stands: proxies leave it out or empty on later events. */
  named(model: unknown): void {
    if (this.#model !== undefined || typeof model !== "string" || model === "") return;
    this.#model = model.slice(0, MAX_MODEL_CHARACTERS);
  }
}
