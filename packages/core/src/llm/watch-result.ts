import { finish } from "./ending.ts";
import { memberOf } from "./member.ts";
import type { RunningCall } from "./running-call.ts";
import { EventReader } from "./usage/event-reader.ts";
import { isEmitter, watchEmitter } from "./watch-emitter.ts";
import { isIterable, watchIterable } from "./watch-iterable.ts";
import { watchResponse, watchStream } from "./watch-stream.ts";

/**
 * Settles a call by what its provider call returned: at once where that holds usage, at its end where
 * it is a stream. What is returned is the same, except for streams and responses of the web platform,
 * which are replaced by ones that behave alike. Never throws.
 */
export async function watchResult<T>(result: T, running: RunningCall): Promise<T> {
  try {
    return await watched(result, running);
  } catch {
    // A foreign object that does not do what its kind does: the answer counts, not the meter.
    await running.end(finish);
    return result;
  }
}

async function watched<T>(result: T, running: RunningCall): Promise<T> {
  if (result instanceof Response) {
    const response = await watchResponse(result, running);
    return replaces(response, result) ? response : result;
  }
  // What derives from it has more than a plain stream, and is watched as the iterable it is as well.
  if (result instanceof ReadableStream && result.constructor === ReadableStream) {
    const stream = watchStream(result, running);
    return replaces(stream, result) ? stream : result;
  }
  if (!isUnread(result)) {
    // `withResponse()` has the answer beside the response, and Bedrock's client a stream.
    for (const answer of [result, memberOf(result, "data"), memberOf(result, "stream")]) {
      if (await settledBy(answer, running)) return result;
    }
  }
  await running.end(finish);
  return result;
}

const replaces = <T>(value: unknown, original: T): value is T =>
  Object(value).constructor === Object(original).constructor;

// The AI SDK begins to read such a result, for good, when somebody looks at its `usage`.
const isUnread = (result: unknown): boolean =>
  typeof result === "object" && result !== null && "textStream" in result;

/** @returns whether the call is settled, or will be at the end of the answer */
async function settledBy(answer: unknown, running: RunningCall): Promise<boolean> {
  if (isEmitter(answer)) return watchEmitter(answer, running);
  if (isIterable(answer)) return watchIterable(answer, running);
  const reader = new EventReader(running.metered.countText);
  if (!reader.answer(answer)) return running.report(answer);
  running.observe(() => reader.reading());
  await running.end(finish);
  return true;
}
