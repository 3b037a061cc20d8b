import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { type LoadOptions, MAX_BYTES, parseConfig } from "./parse-config.ts";
import { ConfigFileError } from "./problem.ts";
import type { LoadedConfig } from "./section.ts";

/** A path as text, whichever way it was given. */
export const pathOf = (path: string | URL): string =>
  path instanceof URL ? fileURLToPath(path) : path;

// One byte more than may be there, so that a file that is too long shows.
function bytesOf(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    if (!fstatSync(file).isFile()) throw new Error("it is not a file");
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    let got = -1;
    while (got !== 0) {
      got = readSync(file, buffer, length, buffer.length - length, null);
      length += got;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

// Not `instanceof`: errors of the file system may come from another realm.
const hasMessage = (error: unknown): error is { readonly message: string } =>
  typeof error === "object" && error !== null && "message" in error;

/** The text of a file: at most 1 MiB of UTF-8. */
export function textOfFile(path: string, fileName: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(path));
  } catch (error) {
    const reason = hasMessage(error) ? error.message : String(error);
    const problem = { path: "", line: 1, column: 1, message: `cannot be read: ${reason}` };
    throw new ConfigFileError(fileName, [problem], error);
  }
}

/**
 * Reads limits from a YAML or JSON file.
 * @throws ConfigFileError with all that is wrong, each with line and path
 */
export function readConfig(path: string | URL, options: LoadOptions = {}): LoadedConfig {
  const file = pathOf(path);
  const { fileName = file } = options;
  return parseConfig(textOfFile(file, fileName), { ...options, fileName });
}

/**
 * Reads limits from a file, or from a text: a string with a line break, or one that begins with `{`.
 * `readConfig` and `parseConfig` do not need to guess.
 *
 * @example
 * const limiter = createLimiter({ ...loadConfig('limits.yaml'), store })
 *
 * @throws ConfigFileError with all that is wrong, each with line and path
 */
export function loadConfig(source: string | URL, options: LoadOptions = {}): LoadedConfig {
  const isText = typeof source === "string" && /^\s*\{|[\r\n]/.test(source);
  return isText ? parseConfig(source, options) : readConfig(source, options);
}
