import { configError } from "../errors.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";
import type { LimitInput } from "./limit-input.ts";
import { type Limit, parseLimit, rejectDuplicates } from "./limit.ts";

/** Other numbers for one limit, on the usage it already has. */
export interface LimitOverride {
  /** For a window: units per window; for concurrency: slots. */
  readonly limit?: number;
  /** For a bucket: units per second. */
  readonly rate?: number;
  /** For a bucket: its size. */
  readonly capacity?: number;
  /** The limit does not apply. */
  readonly skip?: true;
}

/** What is different for some calls. */
export interface LimitOverrides {
  /** By the limit's name. */
  readonly limits?: Readonly<Record<string, LimitOverride>>;
  /** Further limits; each needs a `name`. */
  readonly add?: readonly LimitInput[];
}

function overrideLimit(limit: Limit, change: unknown, path: string): Limit | undefined {
  const numbers = limit.algorithm === "token-bucket" ? ["rate", "capacity"] : ["limit"];
  if (!isObject(change)) throw configError(path, "an object", change);
  rejectUnknownKeys(change, [...numbers, "skip"], path);
  if (change["skip"] === true) return undefined;
  if (change["skip"] !== undefined) throw configError(`${path}.skip`, "true", change["skip"]);
  if (!numbers.some((number) => number in change)) {
    throw configError(path, `${numbers.join(" or ")}, or skip`, change);
  }
  // Parsed like any limit, so that a wrong number is refused in the same words.
  const source = { ...limit.source, ...change };
  const { identity, name, position } = limit;
  return { ...parseLimit(source, path, limit.scope, position), identity, name };
}

/** Checks that overrides are such, though not yet what they say. */
export function parseOverrides(overrides: unknown): Required<LimitOverrides> {
  if (!isOverrides(overrides)) throw configError("override", "an object", overrides);
  rejectUnknownKeys({ ...overrides }, ["limits", "add"], "override");
  const { limits = {}, add = [] } = overrides;
  if (!isObject(limits)) throw configError("override.limits", "an object by limit name", limits);
  if (!Array.isArray(add)) throw configError("override.add", "an array of limits", add);
  return { limits, add };
}

const isOverrides = (value: unknown): value is LimitOverrides => isObject(value);

/** The limits as they are under the overrides; usage stays with a limit whose number changes. */
export function overrideLimits(
  limits: readonly Limit[],
  { limits: changes, add }: Required<LimitOverrides>,
  defaultScope: string,
): readonly Limit[] {
  const names = limits.map(({ name }) => name);
  for (const name of Object.keys(changes)) {
    if (!names.includes(name)) {
      throw configError(`override.limits.${name}`, `one of ${names.join(", ")}`, changes[name]);
    }
  }
  const kept = limits.flatMap((limit) => {
    if (!Object.hasOwn(changes, limit.name)) return [limit];
    const changed = overrideLimit(limit, changes[limit.name], `override.limits.${limit.name}`);
    return changed === undefined ? [] : [changed];
  });
  // Unlike `map`, this visits holes.
  const added = Array.from(add, (input: LimitInput, index) => {
    const path = `override.add[${String(index)}]`;
    if (isObject(input) && input.name === undefined) {
      throw configError(`${path}.name`, "a name, since the limit is added to others", undefined);
    }
    return parseLimit(input, path, defaultScope, limits.length + index);
  });
  const all = [...kept, ...added];
  rejectDuplicates(all, (index) =>
    index < kept.length
      ? `limits[${String(all[index]?.position)}]`
      : `override.add[${String(index - kept.length)}]`,
  );
  return all;
}
