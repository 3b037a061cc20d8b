import { describeValue, TollgateError } from "../errors.ts";
import type { Subject, SubjectIds } from "../subject.ts";

/**
 * The subject of a request: what `identify` said, with the address as `ip`, and as `caller` where
 * no caller was named. The address is never taken for a user.
 */
export function subjectOf(identified: unknown, address: string | undefined): SubjectIds {
  const ids = idsFrom(identified);
  return { ...ids, ip: ids["ip"] ?? address, caller: ids["caller"] ?? address };
}

function idsFrom(identified: unknown): SubjectIds {
  if (identified === undefined || identified === null) return {};
  if (typeof identified === "string") return { caller: identified };
  if (typeof identified === "object" && !Array.isArray(identified)) return { ...identified };
  throw new TollgateError(
    "INVALID_SUBJECT",
    `identify: expected a string or an object of ids by scope, got ${describeValue(identified)}`,
    { path: "identify" },
  );
}

/** The usual scopes by name, so that a type of the application that has them is an identity too. */
export interface StandardIds {
  readonly tenant?: string | null | undefined;
  readonly user?: string | null | undefined;
  readonly session?: string | null | undefined;
  readonly caller?: string | null | undefined;
  readonly ip?: string | null | undefined;
}

/** What `identify` may return. */
export type Identity = Subject | StandardIds | null | undefined;
