import { usageOf } from "./counters.ts";
import { isObject, type JsonObject, jsonOf, objectAt, parseJson } from "./json-value.ts";
import { readEvent, readKnownEvent } from "./read-event.ts";
import { Tally } from "./tally.ts";
import type { UsageReading } from "./usage-reader.ts";

/** Watches an answer that an SDK has already parsed, whole or in events. Never throws. */
export class EventReader {
  readonly #tally: Tally;
  #begun = false;

  /** @param countText tokens of a text, unrounded */
  constructor(countText: (text: string) => number) {
    this.#tally = new Tally(countText);
  }

  /** Takes in an event of any provider's stream. */
  event(value: unknown): void {
    this.#begun = true;
    try {
      this.#read(value);
    } catch {
      // An event with a throwing getter: it costs the count of this one.
    }
  }

  /** Takes in a whole answer. @returns whether it tells, or shows, what it cost */
  answer(value: unknown): boolean {
    const tally = this.#tally;
    this.#begun = true;
    try {
      if (isObject(value)) readKnownEvent(value, undefined, tally);
    } catch {
      return false;
    }
    tally.ended = !tally.failed;
    const { recognised, failed, counters, text } = tally;
    // One that has only begun, as in the background, shows nothing yet.
    return recognised && (failed || usageOf(counters) !== undefined || text.tokens > 0);
  }

  reading(): UsageReading {
    const { counters, complete, failed, text, recognised, model } = this.#tally;
    return {
      usage: usageOf(counters),
      complete,
      failed,
      emittedTokens: text.tokens,
      begun: this.#begun,
      readable: true,
      recognised,
      model,
    };
  }

  #read(value: unknown): void {
    const tally = this.#tally;
    if (!isObject(value)) return readEvent(value, undefined, tally);
    if (readKnownEvent(value, undefined, tally)) return;
    const [name, inner] = unwrapped(value);
    if (inner !== undefined && readKnownEvent(inner, name, tally)) return;
    // Objects of SDKs may hold their client and themselves, which only JSON leaves out.
    readEvent(parseJson(jsonOf(value)), undefined, tally);
  }
}

/** Bedrock's client gives each event as the one member of an object, under the event's name. */
function unwrapped(value: JsonObject): readonly [string, JsonObject | undefined] {
  const [name = "", ...others] = Object.keys(value);
  return [name, others.length === 0 ? objectAt(value, name) : undefined];
}
