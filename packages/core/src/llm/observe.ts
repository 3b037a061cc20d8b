import { type Ending, endingOf, finish } from "./ending.ts";
import type { RunningCall } from "./running-call.ts";
import { EventReader } from "./usage/event-reader.ts";
import type { UsageReader, UsageReading } from "./usage/usage-reader.ts";

/** Sees what passes. Never throws. */
export interface Observer {
  readonly observe: (value: unknown) => void;
  /** Nothing follows. */
  readonly end: () => void;
  /** @returns how the call ended, after this came in place of what was to follow */
  readonly fail: (error: unknown) => Ending;
  readonly reading: () => UsageReading;
}

type HeaderOf = (name: string) => string | undefined;

const noHeader: HeaderOf = () => undefined;

/** Reads events, or bytes, for a running call. */
export function observerOf(running: RunningCall, header: HeaderOf = noHeader): Observer {
  const events = new EventReader(running.metered.countText);
  let bytes: UsageReader | undefined;
  let failed = false;
  const reading = (): UsageReading => {
    const read = (bytes ?? events).reading();
    return failed ? { ...read, failed } : read;
  };
  running.observe(reading);
  return {
    reading,
    observe: (value) => {
      if (value instanceof Uint8Array) {
        bytes ??= running.metered.reader({ header });
        bytes.write(value);
      } else events.event(value);
    },
    end: () => bytes?.end(),
    fail: (error) => {
      const ending = endingOf(error);
      if (!ending.finished || !reading().begun) return ending;
      // An answer that broke off is one all the same, unlike the body of an error.
      failed = true;
      return finish;
    },
  };
}
