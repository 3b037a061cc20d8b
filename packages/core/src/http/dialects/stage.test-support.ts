import type { Limiter } from "../../limiter.ts";
import { createLimiter } from "../../limiter/create-limiter.ts";
import { memoryStore } from "../../memory-store.ts";
import type { LimitInput } from "../../policy/limit-input.ts";
import { manualClock } from "../../testing/manual-clock.ts";
import { parseHeaderOptions } from "../header-options.ts";
import { advertisedPolicies } from "../report.ts";
import {
  admittedFields,
  refusalResponse,
  type RefusalResponse,
  type RefusalStatuses,
  type ResponseContext,
} from "../response.ts";
import type { Dialect } from "./dialect.ts";

const START_MS = Date.UTC(2026, 0, 1);

/** A minute's requests and an hour's tokens. */
const providerLimits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 60, name: "rpm" },
  { type: "token", window: "hour", limit: 200_000, name: "tph" },
];

type CostOf = Readonly<Record<string, number>>;
type SetFields = Readonly<Record<string, string | undefined>>;

interface Stage {
  readonly clock: ReturnType<typeof manualClock>;
  readonly limiter: Limiter<"sync">;
  readonly context: ResponseContext;
  /** The fields of an admitted call. */
  readonly admit: (cost: CostOf) => SetFields;
  /** The answer to a call that does not fit. */
  readonly refuse: (
    cost: CostOf,
    statuses?: RefusalStatuses,
  ) => RefusalResponse & { readonly fields: SetFields };
}

/** A limiter, and what is answered in a dialect; without jitter unless told. */
export function stage(
  dialect: Dialect,
  limits: readonly LimitInput[] = providerLimits,
  { headers, ...changes }: Partial<ResponseContext> & { readonly headers?: unknown } = {},
): Stage {
  const clock = manualClock(START_MS);
  const limiter = createLimiter({ limits, store: memoryStore({ clock: clock.now }) });
  const settings = parseHeaderOptions(headers);
  const context: ResponseContext = {
    dialect,
    settings,
    policies: advertisedPolicies(limiter.limits, settings),
    crossOrigin: false,
    before: () => undefined,
    random: () => 0,
    ...changes,
  };
  const statuses = { impossible: 429, longWait: 429 };
  const admit: Stage["admit"] = (cost) =>
    withoutGaps(admittedFields(limiter.checkAndRecord("alice", { count: 1, ...cost }), context));
  const refuse: Stage["refuse"] = (cost, changed = statuses) => {
    const response = refusalResponse(
      limiter.check("alice", { count: 1, ...cost }),
      context,
      changed,
    );
    return { ...response, fields: withoutGaps(response.fields) };
  };
  return { clock, limiter, context, admit, refuse };
}

/** The fields that are set, not those that are removed. */
export const withoutGaps = (fields: SetFields): SetFields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** A response that says this already. */
export const saying =
  (fields: Readonly<Record<string, string>>): ResponseContext["before"] =>
  (name) =>
    fields[name];
