import { CONCURRENCY } from "../cost.ts";
import { configError } from "../errors.ts";
import { parseChoice, parseInteger, rejectUnknownKeys } from "../parse.ts";
import { bucketRule } from "./bucket-rule.ts";
import { type LimitFields, type LimitRule, noNumbers } from "./limit-rule.ts";
import { calendarRule, fixedRule, logRule, slidingRule } from "./window-rules.ts";

/** Every call that runs is an item of its record. */
const MAX_SLOTS = 10_000;

function slotsRule(input: LimitFields, path: string): LimitRule {
  const max = parseInteger(input["limit"], `${path}.limit`, "slots", 1, MAX_SLOTS);
  return {
    numbers: { ...noNumbers, algorithm: "slots", max, windowMs: 0 },
    window: undefined,
    label: "",
    period: "slots",
  };
}

type WindowRule = "fixed" | "sliding" | "sliding-log" | "calendar";

const windowRules: Readonly<Record<WindowRule, (input: LimitFields, path: string) => LimitRule>> = {
  fixed: fixedRule,
  sliding: slidingRule,
  "sliding-log": logRule,
  calendar: calendarRule,
};

const windowFields: Readonly<Record<WindowRule, readonly string[]>> = {
  fixed: [],
  sliding: [],
  "sliding-log": ["maxEntries"],
  calendar: ["timeZone", "weekStart", "monthStart"],
};

const algorithms: ReadonlyMap<unknown, Exclude<WindowRule, "calendar">> = new Map<
  unknown,
  Exclude<WindowRule, "calendar">
>([
  [undefined, "fixed"],
  ["fixed", "fixed"],
  ["sliding", "sliding"],
  ["sliding-log", "sliding-log"],
]);

function windowRuleOf(input: LimitFields, path: string): WindowRule {
  const algorithm = parseChoice(input["algorithm"], `${path}.algorithm`, algorithms);
  const { align } = input;
  if (align === undefined) return algorithm;
  if (align !== "calendar") throw configError(`${path}.align`, '"calendar", or nothing', align);
  if (algorithm === "fixed") return "calendar";
  throw configError(`${path}.align`, `nothing beside algorithm ${algorithm}`, align);
}

function parseWindowRule(
  input: Record<string, unknown>,
  path: string,
  common: readonly string[],
): LimitRule {
  const fields = [...common, "window", "limit", "algorithm", "align"];
  const rule = windowRuleOf(input, path);
  for (const [other, own] of Object.entries(windowFields)) {
    const foreign = own.find((field) => other !== rule && input[field] !== undefined);
    if (foreign === undefined) continue;
    const owner = other === "calendar" ? 'align: "calendar"' : `algorithm: "${other}"`;
    throw configError(`${path}.${foreign}`, `nothing without ${owner}`, input[foreign]);
  }
  rejectUnknownKeys(input, [...fields, ...Object.values(windowFields).flat()], path);
  return windowRules[rule](input, path);
}

/**
 * Which rule is meant, told by the type and by the fields that only one of them has, and its numbers.
 * @param common the fields that every limit may have
 */
export function parseRule(
  input: Record<string, unknown>,
  path: string,
  common: readonly string[],
): LimitRule {
  if (input["type"] === CONCURRENCY) {
    rejectUnknownKeys(input, [...common, "limit"], path);
    return slotsRule(input, path);
  }
  const asWindow = "window" in input || "limit" in input;
  const asBucket = "rate" in input || "capacity" in input;
  if (asWindow === asBucket) {
    throw configError(path, "either window and limit, or rate and capacity", input);
  }
  if (!asBucket) return parseWindowRule(input, path, common);
  rejectUnknownKeys(input, [...common, "rate", "capacity"], path);
  return bucketRule(input, path);
}
