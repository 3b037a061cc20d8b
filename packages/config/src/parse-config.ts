import { readDocument } from "./document.ts";
import { isWord, wordRule } from "./field.ts";
import { type Environment, interpolate } from "./interpolate.ts";
import { asMap } from "./keys.ts";
import { ConfigFileError, Report } from "./problem.ts";
import { type LoadedConfig, readSection, tellingKeys } from "./section.ts";
import type { Node } from "./tree.ts";

/** How a file is read. */
export interface LoadOptions {
  /** The scope of limits that name none. @default what the file says */
  readonly scope?: string;
  /** The values of `${NAME}`. @default process.env */
  readonly env?: Environment;
  /** How messages call the file. @default its path, or 'config' for a text */
  readonly fileName?: string;
}

/** The largest file that is read: 1 MiB, which is some thousands of limits. */
export const MAX_BYTES = 1_048_576;

const sectionNames = ["rate_limiting", "rateLimiting"];

function readRoot(
  root: Node,
  { scope, env = process.env }: LoadOptions,
  report: Report,
): LoadedConfig {
  const map = asMap(root, "", "a map with limits", report);
  const [section, second] = map?.entries.filter(({ key }) => sectionNames.includes(key)) ?? [];
  if (map === undefined) return {};
  if (section === undefined) {
    const whole = interpolate(map, "", env, report);
    // An editor's note in a JSON file, whatever it says.
    return whole.kind === "map"
      ? readSection(whole, "", scope, report, ["$schema", ...sectionNames])
      : {};
  }
  if (second !== undefined) {
    report.add(second.at, second.key, `already given on line ${String(section.at.line)}`);
  }
  // Other sections are none of ours, but for limits that were meant to be in this one.
  for (const { key, at } of map.entries) {
    if (tellingKeys.includes(key)) report.add(at, key, `belongs under ${section.key}`);
  }
  const read = interpolate(section.node, section.key, env, report);
  const inner = asMap(read, section.key, "a map with limits", report);
  return inner === undefined ? {} : readSection(inner, section.key, scope, report);
}

/**
 * Reads limits from a text in YAML or JSON.
 * @throws ConfigFileError with all that is wrong, each with line and path
 */
export function parseConfig(text: string, options: LoadOptions = {}): LoadedConfig {
  const { fileName = "config", scope } = options;
  const report = new Report();
  const start = { line: 1, column: 1 };
  if (scope !== undefined && !isWord(scope)) {
    report.expected(
      start,
      "options.scope",
      wordRule("a scope such as user"),
      JSON.stringify(scope),
    );
  }
  if (Buffer.byteLength(text) > MAX_BYTES) {
    report.expected(start, "", `at most ${String(MAX_BYTES)} bytes`, "more");
    throw new ConfigFileError(fileName, report.problems);
  }
  const root = readDocument(text, report);
  const config = root === undefined ? {} : readRoot(root, options, report);
  if (report.count > 0) throw new ConfigFileError(fileName, report.problems);
  return config;
}
