import { watch } from "node:fs";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";

import type { LimitInput } from "@tollgate/core";

import { type LoadOptions, parseConfig } from "./parse-config.ts";
import { ConfigFileError } from "./problem.ts";
import { pathOf, textOfFile } from "./read-config.ts";
import type { LoadedConfig } from "./section.ts";

/** Whoever can take other limits while running, as a limiter can. */
export interface Reconfigurable {
  readonly reconfigure: (changes: { readonly limits: readonly LimitInput[] }) => unknown;
}

/** How a directory is watched; `node:fs` unless a test says otherwise. */
export interface WatchSeams {
  /** Calls `changed` when anything in the directory may have changed, until what it returns is called. */
  readonly watchDirectory: (
    directory: string,
    changed: () => void,
    failed: (error: unknown) => void,
  ) => () => void;
  /** Calls `run` later, unless what it returns is called first. */
  readonly after: (delayMs: number, run: () => void) => () => void;
}

/** Options of {@link watchConfig}. */
export interface WatchOptions extends LoadOptions, Partial<WatchSeams> {
  /** How long a change may go on before the file is read, in milliseconds. @default 100 */
  readonly debounceMs?: number;
  /** Told about a file that cannot be used; what was in force stays. @default a process warning */
  readonly onError?: (error: unknown) => void;
}

/** A file that is being watched. */
export interface ConfigWatch {
  /** Reads the file now, changed or not; whether it is now in force. */
  readonly reload: () => boolean;
  readonly close: () => void;
}

// The directory, because editors and deployments replace files; and all of it, because where it is
// a mounted volume only the name of a link changes.
const watchDirectory: WatchSeams["watchDirectory"] = (directory, changed, failed) => {
  const watcher = watch(directory, { persistent: false }, changed);
  watcher.on("error", failed);
  return () => {
    watcher.close();
  };
};

const after: WatchSeams["after"] = (delayMs, run) => {
  const timer = setTimeout(run, delayMs).unref();
  return () => {
    clearTimeout(timer);
  };
};

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

const valueOf = (config: object, name: string): unknown =>
  Object.entries(config).find(([key]) => key === name)?.[1];

/** Hands the limits to a limiter, which can take nothing else while it runs. */
function applyTo(target: Reconfigurable, fileName: string, running: LoadedConfig): Apply {
  return ({ limits = [], ...others }) => {
    const { limits: _limits, ...before } = running;
    const names = [...new Set([...Object.keys(before), ...Object.keys(others)])];
    const changed = names.filter(
      (name) => !isDeepStrictEqual(valueOf(before, name), valueOf(others, name)),
    );
    if (changed.length > 0) {
      const problems = changed.map((path) => ({
        path,
        line: 1,
        column: 1,
        message: "changed, which takes a restart",
      }));
      throw new ConfigFileError(fileName, problems);
    }
    return target.reconfigure({ limits });
  };
}

type Apply = (config: LoadedConfig) => unknown;

/**
 * Reads a file again whenever it changes, and hands over what it says: to a function, or the limits
 * to a limiter, which keeps the usage of those that stay. A file that cannot be used changes nothing
 * and is reported. The process may end while a file is watched.
 *
 * @example
 * const limiter = createLimiter(loadConfig('limits.yaml'))
 * const watch = watchConfig('limits.yaml', limiter)
 *
 * @throws ConfigFileError when the file cannot be used to begin with
 */
export function watchConfig(
  path: string | URL,
  target: Reconfigurable | Apply,
  options: WatchOptions = {},
): ConfigWatch {
  const file = pathOf(path);
  const { fileName = file, debounceMs = 100, onError = warn } = options;
  const { watchDirectory: watchIn = watchDirectory, after: later = after } = options;
  const parse = (text: string): LoadedConfig => parseConfig(text, { ...options, fileName });
  let seen: string | undefined = textOfFile(file, fileName);
  const apply = typeof target === "function" ? target : applyTo(target, fileName, parse(seen));
  if (typeof target === "function") parse(seen);
  let cancel: (() => void) | undefined;
  let isClosed = false;

  const load = (isForced: boolean): boolean => {
    try {
      const text = textOfFile(file, fileName);
      if (text === seen && !isForced) return false;
      // Before it is judged: what is broken is reported once, not at every event.
      seen = text;
      // Whether the target answers at once or later.
      Promise.resolve(apply(parse(text))).catch(onError);
      return true;
    } catch (error) {
      onError(error);
      return false;
    }
  };
  // The first event sets the time, so that a directory that never rests cannot put it off.
  const changed = (): void => {
    if (isClosed) return;
    cancel ??= later(debounceMs, () => {
      cancel = undefined;
      load(false);
    });
  };
  const stop = watchIn(dirname(file), changed, onError);
  return {
    reload: () => !isClosed && load(true),
    close: () => {
      isClosed = true;
      cancel?.();
      stop();
    },
  };
}
