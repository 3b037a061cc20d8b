import type { Decision } from "../../decision.ts";
import type { Refusal, ShownLimit } from "./dialect.ts";
import { goDuration, instant } from "./times.ts";

// Clients that read nothing but the message look for these words: LangChain.js takes the wait from
// "try again in", and stops at "will reset at".
function outlook({ kind, waitMs, decision }: Refusal): string {
  if (waitMs === undefined) return "";
  return kind === "long"
    ? ` The limit will reset at ${instant(decision.decidedAtMs + waitMs)}.`
    : ` Please try again in ${goDuration(waitMs)}.`;
}

/** What may be said where no limit may be named, or none is to blame. */
export const withoutLimit = ({ reason, refusals }: Decision): string =>
  reason !== undefined && refusals.length === 0
    ? `The request was refused: ${reason}.`
    : "A limit of this service refused the request.";

const openings = {
  short: "Rate limit reached for",
  long: "Quota used up for",
  barred: "Suspended:",
  impossible: "Request too large for",
} as const;

function numbers(kind: Refusal["kind"], { max, used, requested }: ShownLimit): string {
  const past = kind === "impossible" ? "" : `, Used ${String(used)}`;
  return `Limit ${String(max)}${past}, Requested ${String(requested)}`;
}

/** The refusal in sentences as providers word them. */
export function messageOf(refusal: Refusal): string {
  const { kind, limit } = refusal;
  if (limit === undefined) {
    return kind === "impossible"
      ? "Request too large for a limit of this service."
      : `${withoutLimit(refusal.decision)}${outlook(refusal)}`;
  }
  const name = `${openings[kind]} limit "${limit.name}" on ${limit.unit}`;
  return kind === "barred" ? `${name}.` : `${name}: ${numbers(kind, limit)}.${outlook(refusal)}`;
}
