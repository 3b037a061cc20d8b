import { afterAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { countExactly, type Tokenizer } from "./exact.ts";

const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
const MIB = 1_048_576;

beforeEach(() => {
  warned.mockClear();
});

afterAll(() => {
  warned.mockRestore();
});

/** Remembers what it is given; a token is a unit. */
function listening(): { readonly seen: string[]; readonly tokenizer: Tokenizer } {
  const seen: string[] = [];
  return {
    seen,
    tokenizer: (text) => {
      seen.push(text);
      return text.length;
    },
  };
}

const never = (): number => {
  throw new Error("nothing is left to estimate");
};

/** Says anything, as JavaScript lets a tokenizer do. */
const returning =
  (json: string): Tokenizer =>
  () =>
    JSON.parse(json);

describe("countExactly", () => {
  test("feeds the whole text, in order, in chunks of at most 1,024 units", () => {
    const { seen, tokenizer } = listening();
    const text = "abcdefghi".repeat(1000);
    expect(countExactly(text, tokenizer, never)).toBe(9000);
    expect(seen.join("")).toBe(text);
    expect(seen.map(({ length }) => length)).toStrictEqual([
      ...Array.from({ length: 8 }, () => 1024),
      808,
    ]);
  });

  test("never cuts a character in two", () => {
    const text = fc
      .tuple(fc.nat(3), fc.array(fc.constantFrom("a", "語", "👍"), { maxLength: 3 }))
      .map(([shift, units]) => "x".repeat(1020 + shift) + units.join("") + "👍".repeat(1100));
    holds(
      text,
      (text) => {
        const { seen, tokenizer } = listening();
        countExactly(text, tokenizer, never);
        expect(seen.join("")).toBe(text);
        for (const chunk of seen) {
          expect(() => encodeURIComponent(chunk)).not.toThrow();
          expect(chunk.length).toBeLessThanOrEqual(1024);
          expect(chunk.length).toBeGreaterThan(0);
        }
      },
      200,
    );
  });

  test("comes to the end of text that is only halves of characters", () => {
    const { seen, tokenizer } = listening();
    expect(countExactly("\ud800".repeat(5000), tokenizer, never)).toBe(5000);
    expect(Math.max(...seen.map(({ length }) => length))).toBe(1024);
  });

  test("does not ask about an empty text", () => {
    expect(countExactly("", never, never)).toBe(0);
  });

  test("lets the estimate take over after 1 MiB", () => {
    const { seen, tokenizer } = listening();
    const rest: string[] = [];
    const tokens = countExactly("a".repeat(2 * MIB + 5), tokenizer, (text) => {
      rest.push(text);
      return 7;
    });
    expect(tokens).toBe(MIB + 7);
    expect(seen).toHaveLength(1024);
    expect(rest.map(({ length }) => length)).toStrictEqual([MIB + 5]);
  });

  test.each([
    ["a negative number", "-1"],
    ["null", "null"],
    ["text", `"12"`],
    ["an object", "{}"],
  ])("estimates what a tokenizer answers with %s, and reports it once", (_, value) => {
    const tokenizer = returning(value);
    expect(countExactly("a".repeat(3000), tokenizer, (text) => text.length / 2)).toBe(1500);
    countExactly("again", tokenizer, () => 1);
    expect(warned).toHaveBeenCalledTimes(1);
    expect(warned).toHaveBeenCalledWith(expect.stringContaining("tokenizer failed"), {
      type: "TollgateWarning",
      code: "TOLLGATE_TOKENIZER",
    });
  });

  test.each([Number.NaN, Infinity])("estimates what a tokenizer answers with %d", (value) => {
    expect(
      countExactly(
        "text",
        () => value,
        () => 3,
      ),
    ).toBe(3);
    expect(warned).toHaveBeenCalledTimes(1);
  });

  test("estimates only the chunk a tokenizer throws on, and tells neither text nor message", () => {
    let calls = 0;
    const tokenizer: Tokenizer = (text) => {
      calls += 1;
      if (calls === 2) throw new RangeError(`disallowed: ${text}`);
      return 10;
    };
    expect(countExactly("secret ".repeat(500), tokenizer, () => 0.5)).toBe(30.5);
    expect(warned).toHaveBeenCalledTimes(1);
    const [message] = warned.mock.calls[0] ?? [];
    expect(message).toContain("RangeError");
    expect(message).not.toContain("secret");
  });
});
