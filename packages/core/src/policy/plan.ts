import { CELL_SIZE } from "../algorithms/cell.ts";
import { windowNumbers } from "../algorithms/record.ts";
import { standardAmount } from "../cost.ts";
import type { Operation } from "../store.ts";
import { type Limit, outsideTenant } from "./limit.ts";

/** The limits of one scope: they live in one record per id. */
export interface PlanScope {
  readonly scope: string;
  /** Whether its ids are pairs with the tenant, when the subject names one. */
  readonly withinTenant: boolean;
  /** Names the family of records, unique to limiter, scope and nesting. */
  readonly space: string;
  /** In the order of their entries in a new record. */
  readonly limits: readonly Limit[];
  /** Where the first of them stands in {@link Plan.limits}; the others follow. */
  readonly first: number;
  /** See `windowNumbers`. */
  readonly numbers: readonly number[];
}

/** Where a limit's numbers stand. */
export interface LimitPlace {
  readonly limit: Limit;
  /** In {@link Plan.limits}. */
  readonly index: number;
  /** In {@link Plan.scopes}. */
  readonly scope: number;
}

/** All limits of a limiter, grouped by the records a decision will read. Compiled once. */
export interface Plan {
  readonly limiter: string;
  /** Scope by scope; amounts, waits and cells come in this order. */
  readonly limits: readonly Limit[];
  readonly scopes: readonly PlanScope[];
  /** The same limits in the order of the configuration, and where to find what belongs to them. */
  readonly places: readonly LimitPlace[];
  /** The types its limits meter. */
  readonly types: ReadonlySet<string>;
  /** Whether a cost may name types that no limit meters: it is one cost for subjects of many plans. */
  readonly oneOfMany: boolean;
  /** Whether all of it is suspended, which no override lifts. */
  readonly suspended: boolean;
  /** Whether any scope lies within the tenant. */
  readonly nested: boolean;
  /** Whether any limit may not apply to a call: it has a `when`, or is a shadow without an id. */
  readonly conditional: boolean;
  /** What a call costs when nothing is said, for each limit. */
  readonly standardAmounts: readonly number[];
  /** Its operations ready to be asked, since most calls cost the same. */
  readonly standardTake: readonly [Operation];
  /** The scope, where there is just one and its limits apply to every call. */
  readonly onlyScope: PlanScope | undefined;
  /** The cells of limits that were never charged, to copy: an array of doubles, as they will be. */
  readonly noCells: readonly number[];
  /** A place for the record of each scope, to copy. */
  readonly noRecords: readonly undefined[];
}

/** The family of records a limit's usage is kept in. */
function spaceOf(limiter: string, { scope, withinTenant }: Limit): string {
  // "!" cannot occur in a scope: the two kinds of one scope must not meet in one record.
  const takenOut = !withinTenant && !outsideTenant.has(scope);
  return `${limiter}:${scope}${takenOut ? "!" : ""}`;
}

/** Groups checked limits by scope. @param options see {@link Plan} */
export function compilePlan(
  limiter: string,
  configured: readonly Limit[],
  { oneOfMany = false, suspended = false }: Partial<Pick<Plan, "oneOfMany" | "suspended">> = {},
): Plan {
  const groups = new Map<string, Limit[]>();
  for (const limit of configured) {
    const space = spaceOf(limiter, limit);
    groups.set(space, [...(groups.get(space) ?? []), limit]);
  }
  const limits = [...groups.values()].flat();
  const scopes = [...groups].flatMap(([space, members]): PlanScope[] => {
    const [head] = members;
    if (head === undefined) return [];
    const { scope, withinTenant } = head;
    const first = limits.indexOf(head);
    return [
      { scope, withinTenant, space, limits: members, first, numbers: windowNumbers(members) },
    ];
  });
  const conditional = limits.some(({ when, shadow }) => when !== undefined || shadow);
  const standardAmounts = limits.map(({ type }) => standardAmount(type));
  return {
    limiter,
    limits,
    scopes,
    places: scopes
      .flatMap(({ first, limits }, scope) =>
        limits.map((limit, i) => ({ limit, index: first + i, scope })),
      )
      .toSorted((a, b) => a.limit.position - b.limit.position),
    types: new Set(limits.map(({ type }) => type)),
    oneOfMany,
    suspended,
    nested: limits.some(({ withinTenant }) => withinTenant),
    conditional,
    standardAmounts,
    standardTake: [{ mode: "take", amounts: standardAmounts }],
    onlyScope: scopes.length === 1 && !conditional ? scopes[0] : undefined,
    noCells: Array.from({ length: limits.length * CELL_SIZE }, () => 0.5).fill(0),
    noRecords: scopes.map(() => undefined),
  };
}
