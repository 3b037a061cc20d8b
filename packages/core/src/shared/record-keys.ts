import { encodeKey } from "../keys.ts";
import type { Address } from "../store.ts";

/**
 * The text under which shared stores keep the record of a scope: space, enclosing tenant if any, id.
 * Empty where no limit of the scope applies. ASCII without spaces, braces and patterns, at most some
 * 200 characters, whatever the ids hold.
 */
export function recordKey({ plan, ids, tenant }: Address, scope: number): string {
  const { space = "", withinTenant = false } = plan.scopes[scope] ?? {};
  const id = ids[scope] ?? "";
  if (id === "") return "";
  return encodeKey(tenant !== undefined && withinTenant ? [space, tenant, id] : [space, id]);
}

/** The keys of all records of an address, in the order of `plan.scopes`. */
export const recordKeys = (address: Address): readonly string[] =>
  address.plan.scopes.map((_, scope) => recordKey(address, scope));
