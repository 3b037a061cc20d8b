import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { firstBytes } from "./bytes.ts";
import { dimensionsOf } from "./dimensions.ts";
import { dataUrl, gif, jpeg, png, webp } from "./pictures.test-support.ts";

const size = { width: 1234, height: 567 };

const pictures = [
  ["PNG", png(size)],
  ["GIF", gif(size)],
  ["JPEG", jpeg(size)],
  ["progressive JPEG", jpeg(size, 16, 0xc2)],
  ["JPEG with 200 KiB of metadata", jpeg(size, 200 * 1024)],
  ["lossy WebP", webp(size, "VP8 ")],
  ["lossless WebP", webp(size, "VP8L")],
  ["extended WebP", webp(size, "VP8X")],
] as const;

describe("dimensionsOf", () => {
  test.each(pictures)("reads the size of a %s, as bytes, base64 and data URL", (_, picture) => {
    expect(dimensionsOf(picture)).toEqual(size);
    expect(dimensionsOf(picture.toString("base64"))).toEqual(size);
    expect(dimensionsOf(dataUrl("image/x", picture))).toEqual(size);
  });

  test("reads bytes that begin within their buffer", () => {
    const within = Buffer.concat([Buffer.alloc(5), png(size)]).subarray(5);
    expect(dimensionsOf(within)).toEqual(size);
  });

  test("knows no size of a remote picture, another encoding, another format, an empty one", () => {
    const unknown = [
      "https://example.test/a.png",
      `data:image/png,${png(size).toString("base64")}`,
      `data:image/svg+xml;utf8,<svg width="10"/>`,
      Buffer.from("%PDF-1.7 and more than thirty bytes of it"),
      png({ width: 0, height: 10 }),
      png(size).subarray(0, 20),
      jpeg(size).subarray(0, 24),
      jpeg(size, 400 * 1024),
      "",
    ];
    for (const source of unknown) expect(dimensionsOf(source)).toBeUndefined();
  });

  test("gives up on a JPEG whose segments have no length, rather than walk for ever", () => {
    expect(dimensionsOf(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(4096, 0xff)]))).toBe(
      undefined,
    );
    const stuck = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(dimensionsOf(stuck)).toBeUndefined();
  });

  test("decodes no more than the beginning of a megabyte", () => {
    const url = dataUrl("image/png", png(size, 1 << 20));
    expect(firstBytes(url, 1024).length).toBeLessThan(1030);
    expect(Buffer.from(firstBytes(url, 24)).equals(png(size).subarray(0, 24))).toBe(true);
  });

  test("throws on no bytes and no text", () => {
    const magic = fc.constantFrom(...pictures.map(([, picture]) => picture));
    const damaged = fc
      .tuple(magic, fc.nat(40), fc.uint8Array({ maxLength: 40 }))
      .map(([picture, kept, rest]) => Buffer.concat([picture.subarray(0, kept), rest]));
    holds(fc.oneof(damaged, fc.string(), fc.base64String()), (source) => {
      const found = dimensionsOf(source);
      if (found === undefined) return;
      expect(found.width).toBeGreaterThan(0);
      expect(found.height).toBeGreaterThan(0);
    });
  });
});
