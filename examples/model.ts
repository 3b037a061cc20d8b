/** The way to the model. Nothing here knows of limits. */
import { Readable } from "node:stream";

import { startStandInLlm } from "./stand-in-llm.ts";

/** Where a model is, and the key it asks for. */
export interface ModelAddress {
  readonly url: string;
  readonly key: string;
}

export interface Model extends ModelAddress {
  readonly close: () => Promise<void>;
}

/** The given model, or the one of `OPENAI_BASE_URL` and `OPENAI_API_KEY`, or else a stand-in. */
export async function openModel(given?: ModelAddress): Promise<Model> {
  const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key = "" } = process.env;
  const address = given ?? (url === undefined ? undefined : { url, key });
  if (address !== undefined) return { ...address, close: async () => undefined };
  return { ...(await startStandInLlm()), key: "none" };
}

/** What to send to the client. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Readable;
}

/** Calls the model. Its answer is for passing on as it comes, be it JSON or a stream of events. */
export async function callModel({ url, key }: ModelAddress, call: unknown): Promise<Answer> {
  const { status, headers, body } = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify(call),
  });
  return {
    status,
    type: headers.get("content-type") ?? "application/json",
    // When a client goes away, its framework destroys this: that ends the model's answer too.
    body: body === null ? Readable.from([]) : Readable.fromWeb(body),
  };
}
