import type { Dimensions } from "./dimensions.ts";

// Headers as the formats define them; no pixels follow, since nobody decodes any.

const ascii = (text: string): Buffer => Buffer.from(text, "latin1");

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);

const be16 = (value: number): Buffer => bytes(value >> 8, value & 0xff);

const le16 = (value: number): Buffer => bytes(value & 0xff, value >> 8);

const le24 = (value: number): Buffer => bytes(value & 0xff, (value >> 8) & 0xff, value >> 16);

export function png({ width, height }: Dimensions, padding: number = 0): Buffer {
  const size = Buffer.alloc(8);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  const head = Buffer.concat([bytes(0x89), ascii("PNG\r\n\u001a\n"), bytes(0, 0, 0, 13)]);
  return Buffer.concat([head, ascii("IHDR"), size, bytes(8, 6, 0, 0, 0), Buffer.alloc(padding, 7)]);
}

export const gif = ({ width, height }: Dimensions): Buffer =>
  Buffer.concat([ascii("GIF89a"), le16(width), le16(height), bytes(0, 0, 0)]);

/** A JPEG with as many bytes of metadata before its frame, in segments of the greatest length. */
export function jpeg({ width, height }: Dimensions, metadata: number = 16, frame = 0xc0): Buffer {
  const segments: Buffer[] = [];
  for (let left = metadata; left > 0; left -= 65_533) {
    const length = Math.min(left, 65_533);
    segments.push(bytes(0xff, 0xe1), be16(length + 2), Buffer.alloc(length, 0xc0));
  }
  const table = Buffer.concat([bytes(0xff, 0xc4), be16(6), bytes(1, 2, 3, 4)]);
  const size = Buffer.concat([be16(17), bytes(8), be16(height), be16(width), bytes(3)]);
  return Buffer.concat([
    bytes(0xff, 0xd8),
    ...segments,
    table,
    bytes(0xff, 0xff, frame),
    size,
    Buffer.alloc(16),
  ]);
}

export function webp({ width, height }: Dimensions, kind: "VP8 " | "VP8L" | "VP8X"): Buffer {
  const head = Buffer.concat([ascii("RIFF"), bytes(0, 0, 0, 0), ascii(`WEBP${kind}`), le16(0)]);
  if (kind === "VP8 ")
    return Buffer.concat([
      head,
      bytes(0, 0, 0x30, 0, 0, 0x9d, 0x01, 0x2a),
      le16(width | 0x4000),
      le16(height),
      bytes(0),
    ]);
  if (kind === "VP8X")
    return Buffer.concat([head, bytes(0, 0, 0, 0, 0, 0), le24(width - 1), le24(height - 1)]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE((width - 1) | ((height - 1) << 14));
  return Buffer.concat([head, bytes(0, 0, 0x2f), size, Buffer.alloc(8)]);
}

export const dataUrl = (type: string, data: Buffer): string =>
  `data:${type};base64,${data.toString("base64")}`;
