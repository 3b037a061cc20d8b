import { configError } from "../errors.ts";
import type { Ending } from "../llm/ending.ts";

/** Which requests count, by how they ended; see `RouteOptions.countWhen`. */
export type CountWhen =
  | "always"
  | "reached"
  | "succeeded"
  | "failed"
  | ((ending: Ending) => boolean);

const countWhens: Readonly<Record<string, (ending: Ending) => boolean>> = {
  always: () => true,
  reached: ({ reached }) => reached,
  succeeded: ({ reached, finished, status }) => reached && finished && status < 400,
  failed: ({ reached, finished, status }) => reached && !(finished && status < 400),
};

/** Checks `countWhen`; `undefined` where every request counts. */
export function parseCountWhen(
  value: unknown,
  path: string,
): ((ending: Ending) => boolean) | undefined {
  if (value === undefined || value === "always") return undefined;
  if (typeof value === "function") return (ending) => value(ending) === true;
  const known =
    typeof value === "string" && Object.hasOwn(countWhens, value) ? countWhens[value] : undefined;
  if (known !== undefined) return known;
  throw configError(path, `a function, or one of ${Object.keys(countWhens).join(", ")}`, value);
}
