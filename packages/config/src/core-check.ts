import { createLimiter, isTollgateError, type Limit, type Limiter } from "@tollgate/core";

import type { PlacedLimit } from "./limit.ts";
import type { Report } from "./problem.ts";
import { describe } from "./tree.ts";

/** A limit that core accepts. */
export interface CompiledLimit {
  readonly placed: PlacedLimit;
  readonly limit: Limit;
}

// Made once, since a limiter costs more than all that is asked of this one.
let checker: Limiter<"sync"> | undefined;

/**
 * Has the last word on one limit: what core refuses is refused here, with its place.
 * @param scope of a limit that names none
 */
export function compileLimit(
  placed: PlacedLimit,
  scope: string | undefined,
  report: Report,
): CompiledLimit | undefined {
  const { input, path, at, entries } = placed;
  checker ??= createLimiter({ enabled: false });
  try {
    checker.reconfigure({ limits: [scope === undefined ? input : { scope, ...input }] });
    const [limit] = checker.limits;
    return limit === undefined ? undefined : { placed, limit };
  } catch (error) {
    if (!isTollgateError(error)) throw error;
    // As `limits[0].capacity: expected …`.
    const { path: place = "", message } = error;
    const entry = entries.get(place.replace(/^limits\[0\]\.?/, ""));
    report.add(
      entry?.at ?? at,
      entry?.path ?? path,
      message.slice(place.length).replace(/^: /, ""),
    );
    return undefined;
  }
}

const lineOf = ({ path, at }: PlacedLimit): string => `${path} on line ${String(at.line)}`;

/** Refuses limits that would share their usage, and names that would be ambiguous. */
export function rejectDuplicates(limits: readonly CompiledLimit[], report: Report): void {
  const meters = new Map<string, PlacedLimit>();
  const names = new Map<string, PlacedLimit>();
  for (const { placed, limit } of limits) {
    const meter = JSON.stringify([limit.identity, limit.scope, limit.withinTenant]);
    const [same, named] = [meters.get(meter), names.get(limit.name)];
    if (same !== undefined) {
      const message = `would share its usage with ${lineOf(same)}; give one of them a name`;
      report.add(placed.at, placed.path, message);
    } else if (named !== undefined) {
      const entry = placed.entries.get("name");
      const place = entry ?? placed;
      const received = entry === undefined ? `string "${limit.name}"` : describe(entry.node);
      const expected = `a name of its own, unlike ${lineOf(named)}`;
      report.expected(place.at, place.path, expected, received);
    }
    if (same === undefined) meters.set(meter, placed);
    if (named === undefined) names.set(limit.name, placed);
  }
}

/** Checks limits as core does, one by one and with each other. */
export function compileLimits(
  placed: readonly PlacedLimit[],
  scope: string | undefined,
  report: Report,
): readonly CompiledLimit[] {
  const limits = placed
    .map((each) => compileLimit(each, scope, report))
    .filter((each) => each !== undefined);
  rejectDuplicates(limits, report);
  return limits;
}
