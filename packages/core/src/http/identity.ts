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

/** What `identify` may return. */
export type Identity = Subject | undefined;
