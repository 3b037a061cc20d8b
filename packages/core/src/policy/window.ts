/** A window by name; `month` is 30 days, as the name of a length and not of a calendar page. */
export type WindowName = "minute" | "hour" | "day" | "week" | "month";

/** A window by length: a whole number and `ms`, `s`, `m`, `h`, `d` or `w`. */
export type WindowDuration = `${number}${"ms" | "s" | "m" | "h" | "d" | "w"}`;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const namedMs: ReadonlyMap<string, number> = new Map([
  ["minute", unitMs.m],
  ["hour", unitMs.h],
  ["day", unitMs.d],
  ["week", unitMs.w],
  ["month", 30 * unitMs.d],
]);

/** Ten years: more than any budget, and far from the end of safe integers. */
export const MAX_WINDOW_MS: number = 3650 * unitMs.d;

const isUnit = (unit: string): unit is keyof typeof unitMs => Object.hasOwn(unitMs, unit);

/** Milliseconds of a window, or `undefined` when the text names none between 1 ms and ten years. */
export function windowMsOf(window: string): number | undefined {
  const named = namedMs.get(window);
  if (named !== undefined) return named;
  const [, amount = "", unit = ""] = /^(\d{1,15})(ms|s|m|h|d|w)$/.exec(window) ?? [];
  if (!isUnit(unit)) return undefined;
  const ms = Number(amount) * unitMs[unit];
  return ms >= 1 && ms <= MAX_WINDOW_MS ? ms : undefined;
}
