import { abort, type Ending, finish } from "./ending.ts";
import { type Observer, observerOf } from "./observe.ts";
import type { RunningCall } from "./running-call.ts";

/** A stream of events or bytes like the given one, whose end settles the call. */
export const watchStream = (
  stream: ReadableStream<unknown>,
  running: RunningCall,
): ReadableStream<unknown> => passing(stream, running, observerOf(running));

/** A response like the given one, the end of whose body settles the call. */
export async function watchResponse(response: Response, running: RunningCall): Promise<Response> {
  const { body, status, statusText, headers } = response;
  const ending = { ...finish, status };
  // Few read the body of an error, and none of it would count.
  if (body === null || status >= 300) {
    await running.end(ending);
    return response;
  }
  // `fetch` has decoded the body, whatever the header still says.
  const header = (name: string): string | undefined =>
    name === "content-encoding" ? undefined : (headers.get(name) ?? undefined);
  const passed = passing(body, running, observerOf(running, header), ending);
  const copy = new Response(isOfUint8(passed) ? passed : undefined, {
    status,
    statusText,
    headers,
  });
  for (const name of ["url", "type", "redirected"] as const) {
    Object.defineProperty(copy, name, { configurable: true, value: response[name] });
  }
  return copy;
}

// A stream of the same chunks, which the compiler cannot see.
const isOfUint8 = (stream: unknown): stream is ReadableStream<Uint8Array> =>
  stream instanceof ReadableStream;

/** Pulls as it is pulled and cancels as it is cancelled, so that nothing queues up in between. */
export function passing(
  stream: ReadableStream<unknown>,
  running: RunningCall,
  { observe, end, fail }: Pick<Observer, "observe" | "end" | "fail">,
  ending: Ending = finish,
): ReadableStream<unknown> {
  const ofBytes = isOfBytes(stream);
  const reader = stream.getReader();
  const pull = async (enqueue: (value: unknown) => void, close: () => void): Promise<void> => {
    try {
      const { done, value } = await reader.read();
      if (done) {
        end();
        await running.end(ending);
        close();
        return;
      }
      observe(value);
      enqueue(value);
    } catch (error) {
      await running.end(fail(error));
      throw error;
    }
  };
  // The provider is told to stop before the store is asked, which may take its time.
  const cancel = async (reason: unknown): Promise<void> => {
    const [left] = await Promise.allSettled([reader.cancel(reason), running.end(abort)]);
    if (left.status === "rejected") throw left.reason;
  };
  const passed = ofBytes ? byteStream(pull, cancel) : valueStream(pull, cancel);
  running.endWith(passed);
  return passed;
}

type Pull = (enqueue: (value: unknown) => void, close: () => void) => Promise<void>;
type Cancel = (reason: unknown) => Promise<void>;

const valueStream = (pull: Pull, cancel: Cancel): ReadableStream<unknown> =>
  new ReadableStream<unknown>(
    {
      pull: async (controller) =>
        pull(
          (value) => controller.enqueue(value),
          () => controller.close(),
        ),
      cancel,
    },
    { highWaterMark: 0 },
  );

// Bodies of `fetch` can be read into buffers of the reader's own, which only such a stream can do.
const byteStream = (pull: Pull, cancel: Cancel): ReadableStream<unknown> =>
  new ReadableStream({
    type: "bytes",
    pull: async (controller) =>
      pull(
        (value) => {
          if (ArrayBuffer.isView(value)) controller.enqueue(value);
        },
        () => {
          controller.close();
          controller.byobRequest?.respond(0);
        },
      ),
    cancel,
  });

function isOfBytes(stream: ReadableStream<unknown>): boolean {
  try {
    stream.getReader({ mode: "byob" }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
