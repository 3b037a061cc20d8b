import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { pack, unpack } from "./packed.ts";

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -200, max: 300 }),
  ...[7, 8, 15, 16, 31, 32, 48, 53].flatMap((bits) =>
    [-1, 1].map((sign) =>
      fc
        .integer({ min: -2, max: 2 })
        .map((near) => sign * 2 ** bits + near)
        .filter(Number.isSafeInteger),
    ),
  ),
);

describe("packed rows", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(fc.array(integer, { maxLength: 70_000, size: "medium" }), (row) => {
        // Not `-0`, which is no integer that a database knows.
        const normal = row.map((value) => value + 0);
        expect(unpack(pack(normal))).toEqual(normal);
      }),
    );
  });

  test("are put together from several", () => {
    expect(unpack(pack([1, 2], [], [3]))).toEqual([1, 2, 3]);
  });

  test("of any length have a head of their own", () => {
    for (const length of [0, 1, 15, 16, 1000, 70_000]) {
      expect(unpack(pack(Array.from({ length }, () => 300)))).toHaveLength(length);
    }
  });

  test("are read as other writers put them: short heads, small and large tags, fractions", () => {
    expect(unpack(Buffer.from([0xdc, 0, 2, 0xcc, 200, 0xd0, 0x80]))).toEqual([200, -128]);
    expect(unpack(Buffer.from([0x93, 0xd1, 0x80, 0, 0xd2, 0x80, 0, 0, 0, 0xe0]))).toEqual([
      -32_768, -2_147_483_648, -32,
    ]);
    const double = Buffer.alloc(10, 0xcb);
    double.writeUInt8(0x91, 0);
    double.writeDoubleBE(2.5, 2);
    expect(unpack(double)).toEqual([2.5]);
    expect(unpack(Buffer.from([0x91, 0xca, 0x40, 0x20, 0, 0]))).toEqual([2.5]);
  });

  test("hold nothing but safe integers", () => {
    for (const value of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => pack([value])).toThrow("not a safe integer");
    }
  });

  test("that are none are refused", () => {
    expect(() => unpack(Buffer.from([0xc0]))).toThrow("not a packed row");
    expect(() => unpack(Buffer.from([0x91, 0xc0]))).toThrow("not a packed number");
    expect(() => unpack(Buffer.from([0x91, 1, 2]))).toThrow("more bytes");
    expect(() => unpack(Buffer.from([0x92, 1]))).toThrow("out of range");
  });
});
