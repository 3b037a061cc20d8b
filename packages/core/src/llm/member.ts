/**
 * What a foreign value has under a name, be it by a getter; `undefined` where it has nothing, or
 * where looking throws.
 */
export function memberOf(value: unknown, name: string | symbol): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    const member: unknown = Reflect.get(value, name);
    return member;
  } catch {
    return undefined;
  }
}

type Method = (...args: readonly unknown[]) => unknown;

/** A method of a foreign value, to be called on it. */
export function methodOf(value: unknown, name: string | symbol): Method | undefined {
  const method = memberOf(value, name);
  if (typeof method !== "function") return undefined;
  return (...args) => {
    const answer: unknown = Reflect.apply(method, value, args);
    return answer;
  };
}
