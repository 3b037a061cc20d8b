import { encodeComponent } from "../keys.ts";
import type { PlanScope } from "../policy/plan.ts";
import type { Address } from "../store.ts";

// Spaces are few, and encoding one takes longer than all the rest of a key.
const encodedSpaces = new WeakMap<PlanScope, string>();

function encodedSpace(scope: PlanScope): string {
  const known = encodedSpaces.get(scope);
  if (known !== undefined) return known;
  const encoded = encodeComponent(scope.space);
  encodedSpaces.set(scope, encoded);
  return encoded;
}

/**
 * The text under which shared stores keep the record of a scope: space, enclosing tenant if any, and
 * id, as `encodeKey` puts them.
 * Empty where no limit of the scope applies. ASCII without spaces, braces and patterns, at most some
 * 200 characters, whatever the ids hold.
 */
function recordKey({ plan, ids, tenant }: Address, scope: number): string {
  const planScope = plan.scopes[scope];
  const id = ids[scope] ?? "";
  if (planScope === undefined || id === "") return "";
  const space = encodedSpace(planScope);
  return tenant !== undefined && planScope.withinTenant
    ? `3:${space}:${encodeComponent(tenant)}:${encodeComponent(id)}`
    : `2:${space}:${encodeComponent(id)}`;
}

/** The keys of all records of an address, in the order of `plan.scopes`. */
export const recordKeys = (address: Address): readonly string[] =>
  address.plan.scopes.map((_, scope) => recordKey(address, scope));
