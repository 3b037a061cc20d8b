import { configError } from "../errors.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";

/**
 * A generation of rate-limit fields. `ietf` is the wire of draft-ietf-httpapi-ratelimit-headers-08
 * to -11; `draft-7` and `draft-6` are older and can describe one limit only; `x-ratelimit` is custom.
 */
export type HeaderFormat = "ietf" | "draft-7" | "draft-6" | "x-ratelimit";

/** Which rate-limit fields responses carry. */
export interface HeaderOptions {
  /**
   * At most one of `ietf`, `draft-7` and `draft-6`, which share names. On a route that speaks a
   * provider's dialect they go out beside the provider's fields, and only if they are named here.
   * @default ['ietf', 'x-ratelimit']
   */
  readonly formats?: readonly HeaderFormat[];
  /** On which responses. @default 'always' */
  readonly emit?: "always" | "denied" | "never";
  /** What `X-RateLimit-Reset` counts: seconds since 1970, or from now. @default 'epoch' */
  readonly reset?: "epoch" | "delta";
  /** The longest `Retry-After`, 1 to 2147483: beyond, timers of clients overflow. @default 86_400 */
  readonly maxRetryAfterSeconds?: number;
  /** Make the fields readable to pages of other origins. @default true */
  readonly expose?: boolean;
  /** How types are called on the wire. @default the type; count as requests, token as tokens, concurrency as concurrent-requests */
  readonly units?: Readonly<Record<string, string>>;
}

/** {@link HeaderOptions} with nothing left open. */
export interface HeaderSettings {
  readonly formats: ReadonlySet<HeaderFormat>;
  /** Whether the formats were asked for, so that they also go out beside a provider's fields. */
  readonly formatsNamed: boolean;
  readonly emit: "always" | "denied" | "never";
  readonly reset: "epoch" | "delta";
  readonly maxRetryAfterSeconds: number;
  readonly expose: boolean;
  readonly units: ReadonlyMap<string, string>;
}

const allFormats: readonly HeaderFormat[] = ["ietf", "draft-7", "draft-6", "x-ratelimit"];
const standardFormats: readonly HeaderFormat[] = ["ietf", "x-ratelimit"];

const standardUnits = {
  count: "requests",
  token: "tokens",
  inputToken: "input-tokens",
  outputToken: "output-tokens",
  // The registered unit of a number of slots (draft-ietf-httpapi-ratelimit-headers-11 §3.1.1).
  concurrency: "concurrent-requests",
};

// Node's timers overflow just above this many seconds, and retry at once.
const MAX_RETRY_AFTER_SECONDS = 2_147_483;

const isFormat = (value: unknown): value is HeaderFormat =>
  allFormats.some((format) => format === value);

function parseFormats(value: unknown, path: string): ReadonlySet<HeaderFormat> {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const formats = new Set(
    // Unlike `map`, this visits holes.
    Array.from(list, (format, index) => {
      if (isFormat(format)) return format;
      const place = Array.isArray(value) ? `${path}[${String(index)}]` : path;
      throw configError(place, `one of ${allFormats.join(", ")}`, format);
    }),
  );
  if ([...formats].filter((format) => format !== "x-ratelimit").length > 1) {
    throw configError(path, "at most one of ietf, draft-7 and draft-6, which share names", value);
  }
  return formats;
}

/** The value if it is one of the choices; the first of them where there is none. */
export function choose<T extends string | number | boolean>(
  value: unknown,
  path: string,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0];
  const chosen = choices.find((choice) => choice === value);
  if (chosen !== undefined) return chosen;
  throw configError(path, `one of ${choices.join(", ")}`, value);
}

function parseCap(value: unknown): number {
  if (value === undefined) return 86_400;
  if (
    typeof value === "number" &&
    Number.isInteger(value) &&
    value >= 1 &&
    value <= MAX_RETRY_AFTER_SECONDS
  ) {
    return value;
  }
  throw configError(
    "headers.maxRetryAfterSeconds",
    `an integer from 1 to ${String(MAX_RETRY_AFTER_SECONDS)}`,
    value,
  );
}

function parseUnits(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map(Object.entries(standardUnits));
  if (!isObject(value)) throw configError("headers.units", "an object of names by type", value);
  const entries = Object.entries(value).map(([type, unit]): [string, string] => {
    if (typeof unit === "string" && /^[\x20-\x7e]+$/.test(unit)) return [type, unit];
    throw configError(`headers.units.${type}`, "printable ASCII, at least one character", unit);
  });
  return new Map([...Object.entries(standardUnits), ...entries]);
}

/** Checks the `headers` option: `false`, a format, a list of formats, or {@link HeaderOptions}. */
export function parseHeaderOptions(value: unknown): HeaderSettings {
  const short = typeof value === "string" || Array.isArray(value);
  const options =
    value === false
      ? { emit: "never" }
      : short
        ? { formats: value }
        : value === undefined
          ? {}
          : value;
  if (!isObject(options)) {
    throw configError("headers", "false, a format, a list of formats or an object", value);
  }
  const keys = ["formats", "emit", "reset", "maxRetryAfterSeconds", "expose", "units"];
  rejectUnknownKeys(options, keys, "headers");
  const path = short ? "headers" : "headers.formats";
  const { formats = standardFormats } = options;
  return {
    formats: parseFormats(formats, path),
    formatsNamed: options["formats"] !== undefined,
    emit: choose(options["emit"], "headers.emit", ["always", "denied", "never"]),
    reset: choose(options["reset"], "headers.reset", ["epoch", "delta"]),
    maxRetryAfterSeconds: parseCap(options["maxRetryAfterSeconds"]),
    expose: choose(options["expose"], "headers.expose", [true, false]),
    units: parseUnits(options["units"]),
  };
}
