/** A parsed JSON object of unknown shape. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The object under `key`, if there is one. */
export function objectAt(value: JsonObject | undefined, key: string): JsonObject | undefined {
  const found = value?.[key];
  return isObject(found) ? found : undefined;
}

const none: readonly unknown[] = [];

/** The list under `key`; an empty one where there is none. */
export function listAt(value: JsonObject | undefined, key: string): readonly unknown[] {
  const found = value?.[key];
  return Array.isArray(found) ? found : none;
}

/** The text under `key`; an empty one where there is none. */
export function textAt(value: JsonObject | undefined, key: string): string {
  const found = value?.[key];
  return typeof found === "string" ? found : "";
}

/** The objects of the list under `key`. */
export const objectsAt = (value: JsonObject | undefined, key: string): readonly JsonObject[] =>
  listAt(value, key).filter((item) => isObject(item));

/** The value of a JSON text, or `undefined` when it is none. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** The JSON text of a value; empty when it has none, or is nested too deeply to be written. */
export function jsonOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  try {
    return JSON.stringify(value);
  } catch {
    return "";
  }
}
