import { abort, finish } from "./ending.ts";
import { memberOf, methodOf } from "./member.ts";
import { type Observer, observerOf } from "./observe.ts";
import type { RunningCall } from "./running-call.ts";
import { readUsage } from "./usage/read-usage.ts";

/** A stream helper of the official clients, which reads by itself and tells about it. */
export const isEmitter = (value: unknown): value is object =>
  ["on", "abort", "done"].every((name) => typeof memberOf(value, name) === "function");

// What the helpers call an event of the provider's stream, as it came.
const eventNames = ["streamEvent", "chunk", "event"];

// Where a helper has the whole answer. The message of a chat completion comes without its usage.
const finalNames = ["finalResponse", "finalChatCompletion", "finalMessage"];

/**
 * Settles at the end of a stream helper. Listens neither to `error` nor to `abort`: a helper whose
 * failure nobody listens to makes it an unhandled rejection, and must go on to do so.
 */
export async function watchEmitter(stream: object, running: RunningCall): Promise<true> {
  const on = methodOf(stream, "on");
  const { observe, reading, fail } = observerOf(running);
  let total: unknown;
  const ended = async (): Promise<void> => {
    if (memberOf(stream, "errored") === true) return failed(stream, running, fail);
    const { input } = reading().usage ?? {};
    const sum = readUsage(total)?.input ?? input;
    if (input !== undefined && input === sum) return running.end(finish);
    await reportFinal(total ?? (await finalOf(stream)), running);
  };
  for (const name of eventNames) on?.(name, observe);
  // Runners make several requests, each with its own usage; this is their sum.
  on?.("totalUsage", (usage: unknown) => {
    total = usage;
  });
  on?.("end", () => void ended());
  if (memberOf(stream, "ended") === true) await ended();
  return true;
}

async function reportFinal(answer: unknown, running: RunningCall): Promise<void> {
  if (!(await running.report(answer))) await running.end(finish);
}

async function finalOf(stream: object): Promise<unknown> {
  const name = finalNames.find((one) => typeof memberOf(stream, one) === "function");
  try {
    return name === undefined ? undefined : await methodOf(stream, name)?.();
  } catch {
    return undefined;
  }
}

async function failed(stream: object, running: RunningCall, fail: Observer["fail"]): Promise<void> {
  if (memberOf(stream, "aborted") === true) return running.end(abort);
  let reason: unknown;
  try {
    // By now the helper has decided whether its failure went unnoticed, so asking hides nothing.
    await methodOf(stream, "done")?.();
  } catch (error) {
    reason = error;
  }
  await running.end(fail(reason));
}
