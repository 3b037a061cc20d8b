/**
 * Rows of integers as MessagePack arrays, which Redis packs and unpacks by itself. Only what this store
 * needs of the format.
 */

const TWO_32 = 2 ** 32;
/** A tag and eight bytes. */
const MOST_BYTES = 9;
const HEADER_BYTES = 5;

/** Grows as needed, and is used by one call at a time. */
let scratch = Buffer.alloc(4096);

/** @throws TypeError where a number is not a safe integer, which would come back as another one */
export function pack(...rows: readonly (readonly number[])[]): Buffer {
  const length = rows.reduce((sum, row) => sum + row.length, 0);
  if (scratch.length < HEADER_BYTES + length * MOST_BYTES) {
    scratch = Buffer.alloc(2 * (HEADER_BYTES + length * MOST_BYTES));
  }
  let at = writeHeader(length);
  for (const row of rows) {
    for (const value of row) at = writeInteger(value, at);
  }
  return Buffer.from(scratch.subarray(0, at));
}

function writeHeader(length: number): number {
  if (length < 16) {
    scratch[0] = 0x90 + length;
    return 1;
  }
  scratch[0] = 0xdd;
  scratch.writeUInt32BE(length, 1);
  return HEADER_BYTES;
}

function writeInteger(value: number, at: number): number {
  if (!Number.isSafeInteger(value)) throw new TypeError(`not a safe integer: ${String(value)}`);
  if (value >= -32 && value < 128) {
    scratch[at] = value & 0xff;
    return at + 1;
  }
  if (value > 0 && value < TWO_32) {
    if (value < 0x1_00_00) {
      scratch[at] = 0xcd;
      return scratch.writeUInt16BE(value, at + 1);
    }
    scratch[at] = 0xce;
    return scratch.writeUInt32BE(value, at + 1);
  }
  // Two's complement in two halves, which spares a BigInt.
  scratch[at] = value > 0 ? 0xcf : 0xd3;
  scratch.writeInt32BE(Math.floor(value / TWO_32), at + 1);
  return scratch.writeUInt32BE(value - Math.floor(value / TWO_32) * TWO_32, at + 5);
}

/** @throws where the bytes are not a row of numbers */
export function unpack(bytes: Buffer): number[] {
  let at = 1;
  const skip = (size: number): number => {
    at += size;
    return at - size;
  };
  const number = (): number => {
    const tag = bytes.readUInt8(skip(1));
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xca:
        return bytes.readFloatBE(skip(4));
      case 0xcb:
        return bytes.readDoubleBE(skip(8));
      case 0xcc:
        return bytes.readUInt8(skip(1));
      case 0xcd:
        return bytes.readUInt16BE(skip(2));
      case 0xce:
        return bytes.readUInt32BE(skip(4));
      case 0xcf:
        return bytes.readUInt32BE(skip(4)) * TWO_32 + bytes.readUInt32BE(skip(4));
      case 0xd0:
        return bytes.readInt8(skip(1));
      case 0xd1:
        return bytes.readInt16BE(skip(2));
      case 0xd2:
        return bytes.readInt32BE(skip(4));
      case 0xd3:
        return bytes.readInt32BE(skip(4)) * TWO_32 + bytes.readUInt32BE(skip(4));
      default:
        throw new TypeError(`not a packed number: tag ${String(tag)}`);
    }
  };

  const head = bytes.readUInt8(0);
  let length = head - 0x90;
  if (head === 0xdc) length = bytes.readUInt16BE(skip(2));
  else if (head === 0xdd) length = bytes.readUInt32BE(skip(4));
  else if (length < 0 || length > 15) throw new TypeError(`not a packed row: tag ${String(head)}`);
  // A fraction first keeps it an array of doubles, which most of its numbers are.
  const numbers = [0.5];
  numbers.pop();
  for (let n = 0; n < length; n += 1) numbers.push(number());
  if (at !== bytes.length) throw new TypeError("more bytes than the row has");
  return numbers;
}
