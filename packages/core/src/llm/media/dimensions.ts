import { firstBytes, type MediaSource } from "./bytes.ts";

/** Width and height in pixels. */
export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** Enough for every format but JPEG, whose size comes after its metadata. */
const HEAD_BYTES = 1024;

/** Metadata of a JPEG beyond this is not read; such a picture counts as one of unknown size. */
const JPEG_BYTES = 256 * 1024;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function has(view: DataView, at: number, text: string): boolean {
  if (view.byteLength < at + text.length) return false;
  for (let i = 0; i < text.length; i++)
    if (view.getUint8(at + i) !== text.charCodeAt(i)) return false;
  return true;
}

const uint24 = (view: DataView, at: number): number =>
  view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_00_00;

function png(view: DataView): Dimensions | undefined {
  if (view.byteLength < 24 || !has(view, 0, "\u0089PNG\r\n\u001a\n")) return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function gif(view: DataView): Dimensions | undefined {
  if (view.byteLength < 10 || !has(view, 0, "GIF8")) return undefined;
  return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

function webp(view: DataView): Dimensions | undefined {
  if (view.byteLength < 30 || !has(view, 0, "RIFF") || !has(view, 8, "WEBP")) return undefined;
  // The two upper bits of a lossy size are a scale, which no decoder applies.
  if (has(view, 12, "VP8 "))
    return { width: view.getUint16(26, true) % 0x4000, height: view.getUint16(28, true) % 0x4000 };
  if (has(view, 12, "VP8X")) return { width: uint24(view, 24) + 1, height: uint24(view, 27) + 1 };
  if (!has(view, 12, "VP8L")) return undefined;
  const bits = view.getUint32(21, true);
  return { width: (bits % 0x4000) + 1, height: ((bits >>> 14) % 0x4000) + 1 };
}

// C4, C8 and CC lie among the frame headers but are tables, a reservation and an arithmetic setting.
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

const standsAlone = (marker: number): boolean =>
  marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

function jpeg(view: DataView): Dimensions | undefined {
  let at = 2;
  while (at + 9 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    // Any number of fill bytes may stand before a marker.
    if (marker === 0xff) at += 1;
    else if (standsAlone(marker)) at += 2;
    else if (isFrame(marker))
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/**
 * Width and height as the header of a PNG, JPEG, GIF or WebP states them, or `undefined` when there
 * is none, or the picture is elsewhere. The header may lie: the settlement tells the truth.
 */
export function dimensionsOf(source: MediaSource): Dimensions | undefined {
  const head = viewOf(firstBytes(source, HEAD_BYTES));
  const size = has(head, 0, "\u00ff\u00d8")
    ? (jpeg(head) ?? jpeg(viewOf(firstBytes(source, JPEG_BYTES))))
    : (png(head) ?? gif(head) ?? webp(head));
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
}
