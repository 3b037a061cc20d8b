/** Long enough that words cut at its ends do not matter, short enough to be counted at any time. */
const BLOCK_CHARACTERS = 1024;

/**
 * Counts text that arrives in pieces. Counted in blocks of one length, so that neither the pieces
 * nor the moments at which somebody asks change the sum.
 */
export class EmittedText {
  readonly #countText: (text: string) => number;
  #pending = "";
  #counted = 0;
  #pendingTokens: number | undefined = 0;
  #only: string | undefined;
  #pieces = 0;

  constructor(countText: (text: string) => number) {
    this.#countText = countText;
  }

  add(text: string): void {
    if (text === "") return;
    this.#only = text;
    this.#pieces += 1;
    this.#pending += text;
    this.#pendingTokens = undefined;
    if (this.#pending.length >= BLOCK_CHARACTERS) this.#countBlocks();
  }

  /** From here on, `watched` tells what is added. */
  watch(): void {
    this.#pieces = 0;
  }

  /** What was added since `watch`, if it was one piece. */
  get watched(): string | undefined {
    return this.#pieces === 1 ? this.#only : undefined;
  }

  /** Tokens of all text so far, unrounded. */
  get tokens(): number {
    this.#pendingTokens ??= this.#count(this.#pending);
    return this.#counted + this.#pendingTokens;
  }

  #countBlocks(): void {
    const text = this.#pending;
    let from = 0;
    while (text.length - from >= BLOCK_CHARACTERS) {
      let to = from + BLOCK_CHARACTERS;
      // Not between the halves of one character.
      if (isHighSurrogate(text.charCodeAt(to - 1))) to -= 1;
      this.#counted += this.#count(text.slice(from, to));
      from = to;
    }
    this.#pending = text.slice(from);
  }

  #count(text: string): number {
    const tokens = text === "" ? 0 : this.#countText(text);
    return tokens > 0 && Number.isFinite(tokens) ? tokens : 0;
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
