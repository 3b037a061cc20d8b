import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { type ResponseShape, responseShapes } from "./shapes.test-support.ts";
import { createUsageReader, type UsageReader, type UsageReading } from "./usage-reader.ts";

const countText = (text: string): number => text.length;

const readerOf = ({ contentType, contentEncoding, headers }: ResponseShape): UsageReader =>
  createUsageReader({
    contentType,
    contentEncoding,
    header: (name) => headers?.[name],
    countText,
  });

function readIn(shape: ResponseShape, chunks: readonly Uint8Array[]): UsageReading {
  const reader = readerOf(shape);
  for (const chunk of chunks) reader.write(chunk);
  reader.end();
  return reader.reading();
}

/** The bytes, cut at these places; cuts at one place make empty chunks. */
function cutAt(bytes: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const edges = [0, ...places.toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index], to));
}

function expectedOf({ bytes, expected }: ResponseShape): UsageReading {
  const { emitted, ...rest } = expected;
  return { ...rest, emittedTokens: emitted.length, begun: bytes.length > 0 };
}

test("there are shapes enough, and no two of one name", () => {
  expect(new Set(responseShapes.map(({ name }) => name)).size).toBe(responseShapes.length);
  expect(responseShapes.length).toBeGreaterThanOrEqual(60);
});

describe.each(responseShapes)("$name", (shape) => {
  const { bytes } = shape;

  test("is read", () => {
    expect(readIn(shape, [bytes])).toEqual(expectedOf(shape));
  });

  test("is read alike cut at every byte", () => {
    const whole = JSON.stringify(readIn(shape, [bytes]));
    const differs = (places: readonly number[]): boolean =>
      JSON.stringify(readIn(shape, cutAt(bytes, places))) !== whole;
    const places = Array.from(bytes.keys());
    expect(places.filter((place) => differs([place]))).toEqual([]);
    expect(differs(places)).toBe(false);
  });

  test("is read alike in any chunks, asked at any time", () => {
    const whole = readIn(shape, [bytes]);
    const places = fc.array(fc.nat(bytes.length), { maxLength: 60 });
    holds(
      places,
      (cuts) => {
        const reader = readerOf(shape);
        for (const chunk of cutAt(bytes, cuts)) {
          // A caller may use its buffer again.
          const lent = Uint8Array.from(chunk);
          reader.write(lent);
          lent.fill(0x78);
          reader.reading();
        }
        reader.end();
        expect(reader.reading()).toEqual(whole);
      },
      40,
    );
  });
});
