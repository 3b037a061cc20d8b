import { take } from "./compact-json.ts";
import { type Fields, isFields } from "./fields.ts";
import type { Tally } from "./tally.ts";
import { readUnknown } from "./unknown-value.ts";

/** Reads one part of a content; what it returns is content in turn. */
export type PartReader = (part: Fields, tally: Tally) => unknown;

/** Readers by the `type` of a part, or by the field that a part has. */
export interface PartTable {
  readonly by: "type" | "field";
  readonly parts: ReadonlyMap<string, PartReader>;
  /** Reads a part that has no type. */
  readonly untyped?: PartReader;
}

/** A table, from pairs, so that a part of the type `constructor` finds nothing. */
export const partTable = (
  by: PartTable["by"],
  parts: Readonly<Record<string, PartReader>>,
  untyped?: PartReader,
): PartTable => ({
  by,
  parts: new Map(Object.entries(parts)),
  ...(untyped === undefined ? {} : { untyped }),
});

function readTyped(part: Fields, { parts, untyped }: PartTable, tally: Tally): unknown {
  const { type } = part;
  const read = typeof type === "string" ? parts.get(type) : untyped;
  return read === undefined ? readUnknown(part, tally) : read(part, tally);
}

function readByField(part: Fields, { parts }: PartTable, tally: Tally): unknown {
  const nested: unknown[] = [];
  let known = false;
  for (const [field, read] of parts) {
    if (!Object.hasOwn(part, field)) continue;
    known = true;
    nested.push(read(part, tally));
  }
  if (!known) readUnknown(part, tally);
  return nested;
}

/**
 * Reads content: a text, a part, or lists of them at any depth. The order does not matter to a sum,
 * so that a list of what remains takes the place of recursion, which nesting could overflow.
 */
export function readContent(content: unknown, table: PartTable, tally: Tally): void {
  const pending: unknown[] = [content];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === "string") tally.text(next);
    else if (Array.isArray(next)) {
      const most = take(tally.budget, next.length);
      for (let i = 0; i < most; i++) pending.push(next[i]);
    } else if (isFields(next) && take(tally.budget, 1) === 1) {
      pending.push(
        table.by === "type" ? readTyped(next, table, tally) : readByField(next, table, tally),
      );
    }
  }
}
