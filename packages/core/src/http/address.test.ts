import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { DEFAULT_IPV6_PREFIX, normaliseAddress } from "./address.ts";

/** Eight groups, often zero, so that all kinds of runs occur. */
const groups = fc.array(
  fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })),
  { minLength: 8, maxLength: 8 },
);

const isMapped = (of: readonly number[]): boolean =>
  of.slice(0, 5).every((group) => group === 0) && of[5] === 0xffff;

const asBigInt = (of: readonly number[]): bigint =>
  of.reduce((value, group) => (value << 16n) | BigInt(group), 0n);

const fromBigInt = (value: bigint): number[] =>
  Array.from({ length: 8 }, (_, n) => Number((value >> BigInt(112 - 16 * n)) & 0xffffn));

// The platform's own serialiser (WHATWG URL, which follows RFC 5952 here).
const canonical = (of: readonly number[]): string =>
  new URL(`http://[${of.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1);

/** How an address may be written. */
const style = fc.record({
  pad: fc.boolean(),
  upper: fc.boolean(),
  dotted: fc.boolean(),
  compress: fc.nat(),
  wrap: fc.constantFrom(
    (text: string) => text,
    (text: string) => `[${text}]`,
    (text: string) => `[${text}]:443`,
    (text: string) => ` ${text}\t`,
    (text: string) => `${text}%eth0`,
    (text: string) => `[${text}%1]:8080`,
  ),
});

/** Runs of zero groups that "::" may stand for. */
function runsOf(of: readonly number[]): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let from = 0; from < of.length; from += 1) {
    for (let to = from + 1; to <= of.length && of[to - 1] === 0; to += 1) runs.push([from, to]);
  }
  return runs;
}

type Style = typeof style extends fc.Arbitrary<infer S> ? S : never;

function write(of: readonly number[], { pad, upper, dotted, compress, wrap }: Style): string {
  const hex = of.map((group) => group.toString(16).padStart(pad ? 4 : 1, "0"));
  const [high = 0, low = 0] = of.slice(6);
  const tail = [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const written = dotted ? [...hex.slice(0, 6), tail] : hex;
  const runs = runsOf(dotted ? of.slice(0, 6) : of);
  const run = runs[compress % (runs.length + 1)];
  const text =
    run === undefined
      ? written.join(":")
      : `${written.slice(0, run[0]).join(":")}::${written.slice(run[1]).join(":")}`;
  return wrap(upper ? text.toUpperCase().replace("%ETH", "%eth") : text);
}

describe("an IPv6 address", () => {
  test("is masked as 128-bit arithmetic would, and written as RFC 5952 asks, at every prefix", () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 32, max: 128 }), (address, prefix) => {
        fc.pre(!isMapped(address));
        const rest = BigInt(128 - prefix);
        const network = fromBigInt((asBigInt(address) >> rest) << rest);
        const text = address.map((group) => group.toString(16)).join(":");
        expect(normaliseAddress(text, prefix)).toBe(`${canonical(network)}/${String(prefix)}`);
      }),
      { numRuns: 500 },
    );
  });

  test("is one id in whatever way it is written", () => {
    fc.assert(
      fc.property(groups, style, style, (address, one, other) => {
        const ids = [one, other].map((how) => normaliseAddress(write(address, how)));
        expect(ids[0]).toBeDefined();
        expect(ids[0]).toBe(ids[1]);
      }),
      { numRuns: 500 },
    );
  });

  test("shares its id with its /56 and with nobody else", () => {
    const ids = ["2001:db8:0:1200::1", "2001:db8:0:12ff:ffff::", "2001:db8:0:1300::1"].map(
      (address) => normaliseAddress(address),
    );
    expect(DEFAULT_IPV6_PREFIX).toBe(56);
    expect(ids).toStrictEqual([
      "2001:db8:0:1200::/56",
      "2001:db8:0:1200::/56",
      "2001:db8:0:1300::/56",
    ]);
  });
});

describe("an IPv4 address", () => {
  const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });

  test("is one id, plain, with a port, or mapped into IPv6 in any notation", () => {
    fc.assert(
      fc.property(octets, style, fc.integer({ min: 0, max: 65535 }), (address, how, port) => {
        const text = address.join(".");
        const [a = 0, b = 0, c = 0, d = 0] = address;
        const mapped = write([0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d], how);
        for (const written of [text, ` ${text} `, `${text}:${String(port)}`, mapped]) {
          expect(normaliseAddress(written)).toBe(text);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("what is no single IP address", () => {
  test.each([
    undefined,
    null,
    7,
    "",
    "   ",
    "unknown",
    "localhost",
    "1.2.3.4, 5.6.7.8",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "010.0.0.1",
    "127.1",
    "0x7f.1",
    "1.2.3.4:port",
    "[1.2.3.4",
    "::1::2",
    "2001:db8::g",
    "[::1]extra",
    "[]",
    "[]:443",
    "%eth0",
    "::ffff:1.2.3.256",
    "1:2:3:4:5:6:7:8:9",
  ])("is no id: %j", (address) => {
    expect(normaliseAddress(address)).toBeUndefined();
  });

  test("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.[\]%]*$/)), (text) => {
        const id = normaliseAddress(text);
        // What comes out is an id already: it does not change again.
        expect(id === undefined || normaliseAddress(id.replace(/\/56$/, "")) === id).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each(["[", "%", "%\n", "1.", ":", "[::1]:", "1.1.1.1:1", " "])(
    "takes time in proportion to its length: %j, repeated",
    (part) => {
      const bestMs = (length: number): number => {
        const hostile = `${part.repeat(length / part.length)}x`;
        const timesMs = Array.from({ length: 5 }, () => {
          const startMs = performance.now();
          expect(normaliseAddress(hostile)).toBeUndefined();
          return performance.now() - startMs;
        });
        return Math.min(...timesMs);
      };
      const [short, long] = [bestMs(10_000), bestMs(100_000)];
      expect(long).toBeLessThan(Math.max(50, 40 * short));
    },
  );
});
