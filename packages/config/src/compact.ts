type Compact<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

const isCompact = <T extends object>(kept: object, _of: T): kept is Compact<T> =>
  !Object.values(kept).includes(undefined);

/** The same object without what is `undefined`: a key that is there counts as given. */
export function compact<T extends object>(values: T): Compact<T> {
  const kept = Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  );
  return isCompact(kept, values) ? kept : {};
}
