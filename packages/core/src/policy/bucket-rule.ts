import { MAX_INTEGER } from "../algorithms/cell.ts";
import { configError } from "../errors.ts";
import { parseInteger } from "../parse.ts";
import { type LimitFields, type LimitRule, MAX_LIMIT, noNumbers } from "./limit-rule.ts";

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}

// Units per second, to the sixth decimal, as a fraction of units per millisecond in lowest terms.
function parseRate(value: unknown, path: string): { refill: number; scale: number } {
  const millionths = typeof value === "number" ? Math.round(value * 1e6) : Number.NaN;
  if (!(millionths >= 1 && millionths <= MAX_LIMIT) || millionths / 1e6 !== value) {
    throw configError(
      path,
      "units per second: above 0, up to 999999999, with at most 6 decimals",
      value,
    );
  }
  const divisor = greatestCommonDivisor(millionths, 1e9);
  return { refill: millionths / divisor, scale: 1e9 / divisor };
}

export function bucketRule(input: LimitFields, path: string): LimitRule {
  const { refill, scale } = parseRate(input["rate"], `${path}.rate`);
  const place = `${path}.capacity`;
  const max = parseInteger(input["capacity"], place, "the bucket's size", 1, MAX_LIMIT);
  if (max > Math.floor(MAX_INTEGER / scale)) {
    const most = Math.floor(MAX_INTEGER / scale);
    throw configError(
      place,
      `at most ${String(most)} at this rate, or a rate with fewer decimals`,
      max,
    );
  }
  if (max < refill / scale) {
    throw configError(
      place,
      `at least ${String(Math.ceil(refill / scale))}, one millisecond of the rate`,
      max,
    );
  }
  const windowMs = Math.ceil((max * scale) / refill);
  return {
    numbers: { ...noNumbers, algorithm: "token-bucket", max, windowMs, refill, scale },
    window: undefined,
    label: "bucket",
    period: "bucket",
  };
}
