import { crc32 } from "node:zlib";

import { json } from "./framed.test-support.ts";

/** One frame of an AWS event stream; all its headers are texts. */
export function frame(headers: Readonly<Record<string, string>>, payload: unknown): Uint8Array {
  const block = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(value));
      return Buffer.concat([
        Buffer.from([Buffer.byteLength(name)]),
        Buffer.from(name),
        Buffer.from([7]),
        length,
        Buffer.from(value),
      ]);
    }),
  );
  const body = Buffer.from(json(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + block.length + body.length, 0);
  prelude.writeUInt32BE(block.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(Buffer.concat([prelude, block, body])));
  return Buffer.concat([prelude, block, body, crc]);
}

/** An event of ConverseStream. */
export const converse = (name: string, payload: unknown): Uint8Array =>
  frame(
    { ":event-type": name, ":content-type": "application/json", ":message-type": "event" },
    payload,
  );

/** A model's own event, as InvokeModel sends it. */
export const invoked = (event: unknown): Uint8Array =>
  converse("chunk", { bytes: Buffer.from(json(event)).toString("base64"), p: "abcdefghijkl" });

/** The metadata frame of the format's description. */
export const metadataFrame: Uint8Array = Buffer.from(
  "AAAAnAAAAE7gsHnvCzpldmVudC10eXBlBwAIbWV0YWRhdGENOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcABWV2ZW50eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6MjEsIm91dHB1dFRva2VucyI6OCwidG90YWxUb2tlbnMiOjI5fX2fNTv9",
  "base64",
);

/** AWS event streams. */
export const FRAMES = "application/vnd.amazon.eventstream";
