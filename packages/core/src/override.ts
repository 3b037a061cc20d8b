import { configError } from "./errors.ts";
import {
  isObject,
  type Limit,
  type LimitInput,
  parseLimit,
  rejectDuplicates,
  rejectUnknownKeys,
} from "./policy.ts";

/** Other numbers for one limit, on the usage it already has. */
export interface LimitOverride {
  /** For a window: units per window. */
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
  const isWindow = limit.algorithm === "fixed-window";
  const numbers = isWindow ? ["limit"] : ["rate", "capacity"];
  if (!isObject(change)) throw configError(path, "an object", change);
  rejectUnknownKeys(change, [...numbers, "skip"], path);
  if (change["skip"] === true) return undefined;
  if (change["skip"] !== undefined) throw configError(`${path}.skip`, "true", change["skip"]);
  if (!numbers.some((number) => number in change)) {
    throw configError(path, `${numbers.join(" or ")}, or skip`, change);
  }
  const { type, scope, name } = limit;
  const now = isWindow
    ? { window: limit.window, limit: limit.max }
    : // The scale divides 10^9, so this is the very rate that was configured, to the last bit.
      { rate: (limit.refill * (1e9 / limit.scale)) / 1e6, capacity: limit.max };
  // Parsed like any limit, so that a wrong number is refused in the same words.
  const { max, windowMs, refill, scale } = parseLimit(
    { type, scope, name, ...now, ...change },
    path,
    scope,
    limit.position,
  );
  return { ...limit, max, windowMs, refill, scale };
}

/** The limits as they are under the overrides; usage stays with a limit whose number changes. */
export function overrideLimits(
  limits: readonly Limit[],
  overrides: LimitOverrides,
  defaultScope: string,
): readonly Limit[] {
  if (!isObject(overrides)) throw configError("override", "an object", overrides);
  rejectUnknownKeys(overrides, ["limits", "add"], "override");
  const { limits: changes = {}, add = [] } = overrides;
  if (!isObject(changes)) throw configError("override.limits", "an object by limit name", changes);
  if (!Array.isArray(add)) throw configError("override.add", "an array of limits", add);
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
