import { describe, expect, test } from "@jest/globals";

import {
  booked,
  chatBody,
  chunk,
  ESTIMATED,
  GUESSED,
  type MeterStage,
  meterStage,
  turns,
  usageChunk,
  wholeStream,
} from "./in-process.test-support.ts";

type Listener = (value?: unknown) => void;

class ProviderError extends Error {
  readonly status = 400;
}

/** A stream helper as the official clients have them: a failure that nobody listens to is loud. */
class Helper {
  readonly listeners = new Map<string, Listener[]>();
  readonly unheard: unknown[] = [];
  ended = false;
  errored = false;
  aborted = false;
  asked = 0;
  #failure: Error | undefined;

  on(name: string, listener: Listener): this {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
    return this;
  }

  emit(name: string, value?: unknown): void {
    for (const listener of this.listeners.get(name) ?? []) listener(value);
  }

  async done(): Promise<void> {
    this.asked += 1;
    if (this.#failure !== undefined) throw this.#failure;
  }

  abort(): void {
    this.fail("abort", new Error("Request was aborted."));
  }

  fail(name: "error" | "abort", error: Error): void {
    this.errored = true;
    this.aborted = name === "abort";
    this.#failure = error;
    if (!this.listeners.has(name) && this.asked === 0) this.unheard.push(error);
    this.emit(name, error);
    this.end();
  }

  end(): void {
    this.ended = true;
    this.emit("end");
  }
}

class FinishedHelper extends Helper {
  override ended = true;
  async finalMessage(): Promise<object> {
    return { role: "assistant" };
  }
  async finalChatCompletion(): Promise<object> {
    return { usage: { prompt_tokens: 7, completion_tokens: 3 } };
  }
}

const meter = async <T>(
  { limiter, options }: MeterStage,
  answer: T,
  policy: object = {},
): Promise<T> => limiter.meter("alice", chatBody, () => answer, { ...options, policy });

describe("a stream helper", () => {
  test.each(["chunk", "event", "streamEvent"])("is settled at its end by each %s", async (name) => {
    const stage = meterStage();
    const helper = new Helper();
    expect(await meter(stage, helper)).toBe(helper);
    for (const event of wholeStream) helper.emit(name, event);
    expect(stage.settled).toEqual([]);
    helper.end();
    expect(stage.settled).toEqual([booked(7, 3, "measured")]);
    helper.end();
    expect(stage.settled).toHaveLength(1);
  });

  test("is counted where no usage comes", async () => {
    const stage = meterStage();
    const helper = await meter(stage, new Helper());
    helper.emit("chunk", chunk("Hello "));
    helper.end();
    await turns();
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });

  test("beside its response is found", async () => {
    const stage = meterStage();
    const { data } = await meter(stage, { data: new Helper(), response: new Response("") });
    data.emit("chunk", usageChunk);
    data.end();
    expect(stage.settled).toHaveLength(1);
  });

  test("makes its failure as loud as before, and costs nothing when it was turned away", async () => {
    const stage = meterStage();
    const helper = await meter(stage, new Helper());
    const error = new ProviderError("no");
    helper.fail("error", error);
    expect(helper.unheard).toEqual([error]);
    await turns();
    expect(stage.settled).toEqual([booked(0, 0, "none")]);
  });

  test("costs what was written when it fails on its way, or what the policy says", async () => {
    for (const [onFailure, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
      ["reserved", booked(ESTIMATED, GUESSED, "estimated")],
    ] as const) {
      const stage = meterStage();
      const helper = await meter(stage, new Helper(), { onFailure });
      helper.emit("chunk", chunk("Hello "));
      helper.fail("error", new Error("terminated"));
      await turns();
      expect(stage.settled).toEqual([cost]);
    }
  });

  test("makes its abort as loud as before, and costs what the policy says", async () => {
    for (const [onAbort, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
    ] as const) {
      const stage = meterStage();
      const helper = await meter(stage, new Helper(), { onAbort, onFailure: "reserved" });
      helper.emit("chunk", chunk("Hello "));
      helper.abort();
      expect(helper.unheard).toHaveLength(1);
      expect(stage.settled).toEqual([cost]);
    }
  });

  test("D-RES-12 of several requests is settled by their sum", async () => {
    const stage = meterStage();
    const helper = await meter(stage, new Helper());
    for (const event of [...wholeStream, ...wholeStream]) helper.emit("chunk", event);
    helper.emit("totalUsage", { prompt_tokens: 14, completion_tokens: 6, total_tokens: 20 });
    helper.end();
    await turns();
    expect(stage.settled).toEqual([booked(14, 6, "measured")]);
  });

  test("that is over when it is returned is settled by its final answer", async () => {
    const stage = meterStage();
    await meter(stage, new FinishedHelper());
    expect(stage.settled).toEqual([booked(7, 3, "measured")]);
    const failed = meterStage();
    const helper = new Helper();
    helper.fail("error", new ProviderError("no"));
    await meter(failed, helper);
    expect(failed.settled).toEqual([booked(0, 0, "none")]);
  });

  test("that never ends is settled when the limiter closes", async () => {
    const stage = meterStage();
    const helper = await meter(stage, new Helper());
    helper.emit("chunk", chunk("Hello "));
    await stage.limiter.close();
    helper.end();
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });
});
