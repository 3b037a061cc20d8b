import { asBuffer, BoundedBytes, decode } from "./bounded-bytes.ts";
import { EventEnds } from "./framing/event-ends.ts";
import { isObject, objectAt, parseJson } from "./json-value.ts";

const MAX_HELD_BYTES = 64 * 1024;

/**
 * Takes the usage chunk out of a chat-completions stream again, for a client that did not ask for
 * it: its `choices` are empty, and clients that read the first one would crash. All other bytes pass
 * as they are. At most the event that has begun is held back, and that only up to 64 KiB.
 */
export class UsageStripper {
  readonly #ends = new EventEnds();
  /** What came of the unfinished event with earlier chunks. */
  readonly #held = new BoundedBytes(MAX_HELD_BYTES);
  /** The unfinished event is too long to be a usage chunk, and passes as it comes. */
  #passing = false;
  #removed = false;

  /** What may be sent of the stream with this chunk. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const bytes = asBuffer(chunk);
    const { lead, ends } = this.#ends.find(bytes);
    const out: Uint8Array[] = [];
    let unsent = this.#removed ? lead : 0;
    let event = lead;
    for (const end of ends) {
      this.#removed = this.#isUsage(bytes.subarray(event, end));
      if (this.#removed) {
        if (event > unsent) out.push(bytes.subarray(unsent, event));
        unsent = end;
      } else this.#release(out);
      this.#held.clear();
      this.#passing = false;
      event = end;
    }
    const rest = bytes.subarray(event);
    if (this.#passing || this.#held.bytes.length + rest.length > MAX_HELD_BYTES) {
      this.#passing = true;
      this.#release(out);
      if (unsent < bytes.length) out.push(bytes.subarray(unsent));
      return out;
    }
    if (event > unsent) out.push(bytes.subarray(unsent, event));
    // Copied, because whoever writes may use the buffer again.
    this.#held.append(rest);
    return out;
  }

  /** What is left when the stream has ended. */
  end(): readonly Uint8Array[] {
    const out: Uint8Array[] = [];
    if (!this.#isUsage(new Uint8Array(0))) this.#release(out);
    this.#held.clear();
    return out;
  }

  #release(out: Uint8Array[]): void {
    if (!this.#held.empty) out.push(this.#held.bytes.slice());
    this.#held.clear();
  }

  /** Whether what is held and the rest of it are an event to be removed. */
  #isUsage(rest: Uint8Array): boolean {
    if (this.#passing || this.#held.bytes.length + rest.length > MAX_HELD_BYTES) return false;
    return isUsageEvent(this.#held.empty ? rest : Buffer.concat([this.#held.bytes, rest]));
  }
}

// May be cut into several lines of data.
const emptyChoices = /"choices"(?:\s|data:)*:(?:\s|data:)*\[(?:\s|data:)*\]/;

function isUsageEvent(event: Uint8Array): boolean {
  const text = decode(event);
  // Cheap, and enough for nearly all events.
  if (!text.includes('"usage"') || !emptyChoices.test(text)) return false;
  const data = text
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/^\uFEFF/, ""))
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(line[5] === " " ? 6 : 5))
    .join("\n");
  const value = parseJson(data);
  if (!isObject(value) || objectAt(value, "usage") === undefined) return false;
  const { choices } = value;
  return Array.isArray(choices) && choices.length === 0;
}
