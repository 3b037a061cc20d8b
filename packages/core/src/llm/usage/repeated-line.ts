const MAX_LINE_CHARACTERS = 4096;
/** Longer ones may be pictures, which some readers leave out. */
const MAX_TEXT_CHARACTERS = 200;
/** Lines that were learned for nothing before it is given up. */
const MAX_MISSES = 16;

/** What differs from line to line and means nothing: padding, counters and times. */
const noise: readonly string[] = ['"obfuscation":"', '"sequence_number":', '"created_at":"'];

const DATA = "data: ";
const EVENT_END = "\n\n";
const BACKSLASH = 92;
const LETTER_D = 100;

/** A place in a line where something else may stand. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly isText: boolean;
}

/** What has to come next, and what may follow it. */
interface Segment {
  readonly fixed: string;
  readonly gap: "text" | "string" | "digits";
}

/**
 * Recognises a line that is the one before with another text in it. Most lines of a stream are, and
 * parsing them is most of the work of reading it.
 */
export class RepeatedLine {
  #segments: readonly Segment[] = [];
  #last = "";
  #misses = 0;

  /** Where the text of the last line that was recognised began and ended. */
  #textFrom = 0;
  #textTo = 0;

  /** The text of this line, or `undefined` when the line is not of that kind. */
  textOf(line: string): string | undefined {
    const end = this.#match(line, 0);
    return end === line.length ? line.slice(this.#textFrom, this.#textTo) : undefined;
  }

  /** The texts of those server-sent events from `from` on that hold nothing but such a line. */
  textsOf(events: string, from: number): { readonly texts: string; readonly end: number } {
    const [segment, ...others] = this.#segments;
    let texts = "";
    let end = from;
    if (segment === undefined || others.length > 0) {
      for (;;) {
        const lineEnd = events.startsWith(DATA, end) ? this.#match(events, end + DATA.length) : -1;
        if (lineEnd < 0 || !events.startsWith(EVENT_END, lineEnd)) return { texts, end };
        texts += events.slice(this.#textFrom, this.#textTo);
        end = lineEnd + EVENT_END.length;
      }
    }
    // The same where nothing but the text differs, which is most often: this is the innermost loop.
    const before = DATA + segment.fixed;
    const after = this.#last + EVENT_END;
    for (;;) {
      const textFrom = end + before.length;
      if (events.slice(end, textFrom) !== before) return { texts, end };
      const textTo = events.indexOf('"', textFrom);
      if (textTo < 0 || events.slice(textTo, textTo + after.length) !== after)
        return { texts, end };
      this.#textFrom = textFrom;
      this.#textTo = textTo;
      if (!this.#isPlain(events)) return { texts, end };
      texts += events.slice(textFrom, textTo);
      end = textTo + after.length;
    }
  }

  /** Where such a line ends that begins at `start`; below 0 when none does. */
  #match(lines: string, start: number): number {
    if (this.#segments.length === 0) return -1;
    let at = start;
    for (const { fixed, gap } of this.#segments) {
      const from = at + fixed.length;
      // Twice as fast as `startsWith`, which compares one character at a time.
      if (lines.slice(at, from) !== fixed) return -1;
      at = gap === "digits" ? digitsEnd(lines, from) : lines.indexOf('"', from);
      if (at < 0) return -1;
      if (gap === "text") {
        this.#textFrom = from;
        this.#textTo = at;
      } else if (gap === "string" && lines[at - 1] === "\\") return -1;
    }
    const end = at + this.#last.length;
    if (lines.slice(at, end) !== this.#last) return -1;
    return this.#isPlain(lines) ? end : -1;
  }

  // Empty texts let others take their place, and escapes stand for something else.
  #isPlain(lines: string): boolean {
    const from = this.#textFrom;
    const to = this.#textTo;
    if (from === to || to - from > MAX_TEXT_CHARACTERS) return false;
    for (let at = from; at < to; at += 1) if (lines.charCodeAt(at) === BACKSLASH) return false;
    if (lines.charCodeAt(from) === LETTER_D && lines.startsWith("data:", from)) return false;
    this.#misses = 0;
    return true;
  }

  /** A line was read whose only text is `text`; `undefined` when it has none, or several. */
  learn(line: string, text: string | undefined): void {
    this.#segments = [];
    if (text === undefined || text === "" || this.#misses > MAX_MISSES) return;
    this.#misses += 1;
    // With escapes, the text may be written in another way and something else look like it.
    if (line.length > MAX_LINE_CHARACTERS || line.includes("\\")) return;
    const at = onlyPlaceOf(line, `"${text}"`);
    if (at === undefined) return;
    const gaps = noise.map((key) => gapAfter(line, key)).filter((gap) => gap !== undefined);
    this.#take(line, [...gaps, { from: at + 1, to: at + 1 + text.length, isText: true }]);
  }

  #take(line: string, gaps: readonly Gap[]): void {
    let at = 0;
    const segments: Segment[] = [];
    for (const { from, to, isText } of gaps.toSorted((a, b) => a.from - b.from)) {
      // Of two gaps in one place neither can be told.
      if (from < at) return;
      const gap = isText ? "text" : line[from - 1] === '"' ? "string" : "digits";
      segments.push({ fixed: line.slice(at, from), gap });
      at = to;
    }
    this.#segments = segments;
    this.#last = line.slice(at);
  }
}

function onlyPlaceOf(line: string, part: string): number | undefined {
  const at = line.indexOf(part);
  return at < 0 || line.includes(part, at + 1) ? undefined : at;
}

function gapAfter(line: string, key: string): Gap | undefined {
  const at = onlyPlaceOf(line, key);
  if (at === undefined) return undefined;
  const from = at + key.length;
  const to = key.endsWith('"') ? line.indexOf('"', from) : digitsEnd(line, from);
  return to < 0 ? undefined : { from, to, isText: false };
}

function digitsEnd(line: string, from: number): number {
  let at = from;
  for (let code = line.charCodeAt(at); code >= 48 && code <= 57; code = line.charCodeAt(at))
    at += 1;
  return at;
}
