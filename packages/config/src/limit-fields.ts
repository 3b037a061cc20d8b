import { choice, type Field, flag, integer, positive, text, word } from "./field.ts";

/** Which fields go together. */
export type Rule = "window" | "bucket" | "concurrency";

type Fields = Readonly<Record<string, Field>>;

/** What an integer of a header field can hold. */
const MAX_LIMIT = 999_999_999_999_999;
const MAX_SLOTS = 10_000;
const MAX_WINDOW_MS = 3650 * 86_400_000;

const unitMs: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

/** For editors: the words of a field. */
const told = <T>({ read, schema }: Field<T>, description: string): Field<T> => ({
  read,
  schema: { ...schema, description },
});

function isWindow(window: string): boolean {
  const [, amount, unit = ""] = /^(\d+)([a-z]+)$/.exec(window) ?? [];
  if (amount === undefined) return true;
  const ms = Number(amount) * (unitMs.get(unit) ?? 0);
  return ms >= 1 && ms <= MAX_WINDOW_MS;
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** The fields that every limit may have. */
const commonFields: Fields = {
  type: told(
    word("a unit such as count or token"),
    "The unit it meters: count (requests), token, inputToken, outputToken, concurrency, or any name of yours.",
  ),
  scope: told(
    word("a scope such as user"),
    "Whose usage is added up: tenant, user, session, ip, global, caller or any name. Default: the scope of the file.",
  ),
  name: told(
    text("1 to 1024 printable ASCII characters", /^[\x20-\x7e]{1,1024}$/),
    "Unique among the limits; shown in headers, errors and events. Default: what it limits, such as token-per-day-user.",
  ),
  within: told(
    choice(["tenant", null]),
    "null takes the scope out of its tenant: one user id is then one user across all tenants.",
  ),
  whenMissing: told(
    choice(["reject", "shared"]),
    "When the subject has no id for the scope: reject is an error, shared counts all such calls together. Default: reject.",
  ),
  debt: told(choice(["carry", "forgive"]), "forgive ends an overrun with its window."),
  suspended: told(flag, "Refuses every cost, without a time to retry. Default: false."),
  advertise: told(flag, "Whether HTTP headers show the limit."),
  shadow: told(
    flag,
    "Evaluated, charged and reported, but never a reason to refuse. Default: false.",
  ),
};

/** The fields of each rule beside those. */
const ownFields: Readonly<Record<Rule, Fields>> = {
  window: {
    window: told(
      text(
        'minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d"',
        /^(minute|hour|day|week|month|\d{1,15}(ms|s|m|h|d|w))$/,
        isWindow,
      ),
      "How long the limit counts: minute, hour, day, week, month (30 days), or a duration such as 10s or 5h.",
    ),
    limit: told(
      integer("units per window", 1, MAX_LIMIT),
      "At most as many units per window; for concurrency, slots from 1 to 10000.",
    ),
    algorithm: told(
      choice(["fixed", "sliding", "sliding-log"]),
      "fixed opens at the first charge; sliding moves with time, approximated by two counters; sliding-log does so exactly. Default: fixed.",
    ),
    align: told(
      choice(["calendar"]),
      "calendar: real hours, days, weeks or months instead of windows that open at the first charge.",
    ),
    timeZone: told(
      text("an IANA time zone such as Europe/Berlin", /^[A-Za-z][\w+/-]*$/, isTimeZone),
      "Calendar only: the zone whose clock is meant. Default: UTC.",
    ),
    weekStart: told(
      choice(["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]),
      "Calendar weeks only: the day they begin on. Default: monday.",
    ),
    monthStart: told(
      integer("a day of the month", 1, 31),
      "Calendar months only: the day they begin on, or the last day of shorter months. Default: 1.",
    ),
    maxEntries: told(
      integer("charges to tell apart", 1, 10_000),
      "sliding-log only: how many charges are told apart. Default: 1000.",
    ),
  },
  bucket: {
    rate: told(
      positive(
        "units per second: above 0, up to 999999999, with at most 6 decimals",
        999_999_999,
        (value) => Math.round(value * 1e6) / 1e6 === value,
      ),
      "Units per second at which the bucket refills, with up to six decimals.",
    ),
    capacity: told(
      integer("the bucket's size", 1, MAX_LIMIT),
      "The largest burst; the bucket starts full.",
    ),
  },
  concurrency: { limit: integer("slots", 1, MAX_SLOTS) },
};

/** Every field, by name. The `limit` is that of a window, which allows the larger numbers. */
export const limitFields: Fields = { ...commonFields, ...ownFields.bucket, ...ownFields.window };

/** The field as it is under a rule; `undefined` if the rule has none of that name. */
export const fieldUnder = (rule: Rule, name: string): Field | undefined =>
  ownFields[rule][name] ?? commonFields[name];

/** What a limit of a rule must have. */
export const requiredFields: Readonly<Record<Rule, readonly string[]>> = {
  window: ["window", "limit"],
  bucket: ["rate", "capacity"],
  concurrency: ["limit"],
};

/** What belongs to a rule alone, for the schema. */
export const fieldNames = (rule: Rule): readonly string[] => Object.keys(ownFields[rule]);

/** A field that means something only beside certain values of another, or beside its absence. */
export interface Condition {
  readonly field: string;
  readonly beside: string;
  readonly values: readonly string[];
  /** Whether the other may be left out. */
  readonly optional: boolean;
}

const beside = (
  field: string,
  other: string,
  values: readonly string[],
  optional: boolean = false,
): Condition => ({ field, beside: other, values, optional });

/** What the fields of a window ask of one another. The first that fails is told. */
export const conditions: readonly Condition[] = [
  beside("maxEntries", "algorithm", ["sliding-log"]),
  beside("align", "algorithm", ["fixed"], true),
  beside("align", "window", ["hour", "day", "week", "month"]),
  beside("timeZone", "align", ["calendar"]),
  beside("weekStart", "align", ["calendar"]),
  beside("weekStart", "window", ["week"]),
  beside("monthStart", "align", ["calendar"]),
  beside("monthStart", "window", ["month"]),
];
