import type { Limiter } from "../limiter.ts";
import type { Subject } from "../subject.ts";
import { eventOf, eventsOf } from "./ai-sdk-answer.ts";
import { type AiSdkParams, CHAT_PATH, chatBodyOf } from "./ai-sdk-request.ts";
import { finish } from "./ending.ts";
import { meterCall, type MeterOptions } from "./in-process.ts";
import { observerOf } from "./observe.ts";
import type { RunningCall } from "./running-call.ts";
import { passing } from "./watch-stream.ts";

/** Options of {@link aiSdkMiddleware}. */
export interface AiSdkOptions extends Omit<MeterOptions, "path"> {
  /**
   * Who calls. A function is asked at every call, and may look into `providerOptions`, which is where
   * a caller of `generateText` can say something to a middleware.
   */
  readonly subject: Subject | ((params: AiSdkParams) => Subject | PromiseLike<Subject>);
}

/** The model below a middleware, as far as it is used. */
interface Model<Params, Generated, Streamed> {
  readonly modelId: string;
  readonly doGenerate: (params: Params) => PromiseLike<Generated>;
  readonly doStream: (params: Params) => PromiseLike<Streamed>;
}

/** One call, as `wrapLanguageModel` hands it to a middleware. */
export interface AiSdkCall<Params, Generated, Streamed> {
  readonly params: Params;
  readonly model: Model<Params, Generated, Streamed>;
}

/** The answer of a streaming model. */
export interface AiSdkStreamed {
  readonly stream: ReadableStream;
}

/** A `LanguageModelMiddleware` of the AI SDK. */
export interface AiSdkMiddleware {
  /** Version 6 of the SDK asks for its own version; the others take any. */
  readonly specificationVersion: "v3";
  readonly wrapGenerate: <Params extends AiSdkParams, Generated, Streamed>(
    call: AiSdkCall<Params, Generated, Streamed>,
  ) => Promise<Generated>;
  readonly wrapStream: <Params extends AiSdkParams, Generated, Streamed extends AiSdkStreamed>(
    call: AiSdkCall<Params, Generated, Streamed>,
  ) => Promise<Streamed>;
}

/**
 * A middleware for `wrapLanguageModel` of the AI SDK that keeps every call of a model within the
 * limits: estimated and reserved before it, settled by the usage it reports. A call that is refused
 * throws `REFUSED` out of `generateText`, and is an error of `streamText`; see `isRateLimitError`.
 *
 * A model is called once per step and per retry, each of which counts.
 *
 * @example
 * wrapLanguageModel({ model, middleware: aiSdkMiddleware(limiter, { subject: "alice" }) })
 */
export function aiSdkMiddleware(limiter: Limiter, options: AiSdkOptions): AiSdkMiddleware {
  const { subject, ...others } = options;
  const metered = async <Params extends AiSdkParams, T>(
    { params, model }: { readonly params: Params; readonly model: { readonly modelId: string } },
    stream: boolean,
    call: (params: Params) => PromiseLike<T>,
    watch: (answer: T, running: RunningCall, signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> =>
    meterCall(
      limiter,
      typeof subject === "function" ? await subject(params) : subject,
      chatBodyOf(params, model.modelId, stream),
      async ({ grant }) => call(grant === undefined ? params : { ...params, ...grant }),
      { ...others, path: CHAT_PATH },
      async (answer, running) => watch(answer, running, params.abortSignal),
    );
  return {
    specificationVersion: "v3",
    wrapGenerate: async (call) =>
      metered(call, false, (params) => call.model.doGenerate(params), watchGenerated),
    wrapStream: async (call) =>
      metered(call, true, (params) => call.model.doStream(params), watchStreamed),
  };
}

async function watchGenerated<T>(answer: T, running: RunningCall): Promise<T> {
  const { observe } = observerOf(running);
  for (const event of eventsOf(answer)) observe(event);
  await running.end(finish);
  return answer;
}

async function watchStreamed<T extends AiSdkStreamed>(
  answer: T,
  running: RunningCall,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { observe, end, fail } = observerOf(running);
  const observePart = (part: unknown): void => {
    const event = eventOf(part);
    if (event !== undefined) observe(event);
  };
  const stream = passing(answer.stream, running, { observe: observePart, end, fail });
  // Once it is aborted, nobody reads on to where the model's stream would tell so.
  running.endBy(signal);
  return { ...answer, stream };
}
