import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLimiter, type LimitInput } from "@tollgate/core";

import {
  ConfigFileError,
  type ConfigWatch,
  type LoadedConfig,
  readConfig,
  watchConfig,
  type WatchOptions,
} from "./index.ts";

const withLimit = (limit: number | string, more: string = ""): string =>
  `limits:\n  - { type: count, window: day, limit: ${String(limit)} }\n${more}`;
const limitsOf = (limit: number): readonly LimitInput[] => [
  { type: "count", window: "day", limit },
];

let folder = "";
let path = "";
let watch: ConfigWatch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "watch-"));
  path = join(folder, "limits.yaml");
  writeFileSync(path, withLimit(5));
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true, force: true });
});

const nothing = (): void => undefined;

/** A directory that reports when told to, and a time that passes when told to. */
function stage() {
  const errors: unknown[] = [];
  const delays: { ms: number; run: () => void }[] = [];
  const directories: string[] = [];
  let changed: () => void = nothing;
  let failed: (error: unknown) => void = nothing;
  const options: WatchOptions = {
    watchDirectory: (directory, onChange, onFailure) => {
      directories.push(directory);
      changed = onChange;
      failed = onFailure;
      return () => {
        directories.pop();
      };
    },
    after: (ms, run) => {
      const delay = { ms, run };
      delays.push(delay);
      return () => {
        delays.splice(delays.indexOf(delay), 1);
      };
    },
    onError: (error) => {
      errors.push(error);
    },
  };
  return {
    options,
    errors,
    delays,
    directories,
    change: () => {
      changed();
    },
    fail: (error: unknown) => {
      failed(error);
    },
    elapse: () => {
      for (const { run } of delays.splice(0)) run();
    },
  };
}

function fakeLimiter() {
  const taken: unknown[] = [];
  return { taken, reconfigure: (changes: unknown): unknown => taken.push(changes) };
}

describe("reload", () => {
  test("hands the limits to a limiter, which keeps its usage, and everything to a function", () => {
    const { options } = stage();
    const limiter = fakeLimiter();
    const configs: LoadedConfig[] = [];
    watch = watchConfig(path, limiter, options);
    const other = watchConfig(path, (config) => configs.push(config), options);
    expect(limiter.taken).toEqual([]);

    writeFileSync(path, withLimit(7));
    expect(watch.reload()).toBe(true);
    expect(other.reload()).toBe(true);
    expect(limiter.taken).toEqual([{ limits: limitsOf(7) }]);
    expect(configs).toEqual([{ limits: limitsOf(7) }]);
    other.close();
  });

  test("keeps the usage of a real limiter, whose limits change in place", () => {
    const { options } = stage();
    const limiter = createLimiter(readConfig(path));
    watch = watchConfig(path, limiter, options);
    expect(limiter.checkAndRecord("alice", { count: 5 }).allowed).toBe(true);
    expect(limiter.checkAndRecord("alice").allowed).toBe(false);

    writeFileSync(path, withLimit(7));
    expect(watch.reload()).toBe(true);
    expect(limiter.usage("alice")).toMatchObject([{ current: 5, max: 7 }]);
    expect(limiter.checkAndRecord("alice", { count: 2 }).allowed).toBe(true);
    expect(limiter.checkAndRecord("alice").allowed).toBe(false);
  });

  test("of a broken file keeps what is in force and tells every mistake", () => {
    const { options, errors } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    writeFileSync(path, withLimit("many", "enabled: maybe\n"));
    expect(watch.reload()).toBe(false);
    expect(limiter.taken).toEqual([]);
    expect(errors).toEqual([expect.any(ConfigFileError)]);
    expect(errors).toMatchObject([{ problems: [{ line: 2 }, { line: 3 }] }]);

    writeFileSync(path, withLimit(6));
    expect(watch.reload()).toBe(true);
    expect(limiter.taken).toEqual([{ limits: limitsOf(6) }]);
  });

  test("of what a running limiter cannot take over changes nothing and says so", () => {
    const { options, errors } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    writeFileSync(path, withLimit(7, "scope: user\ndeny: { ip: [10.0.0.1] }\n"));
    expect(watch.reload()).toBe(false);
    expect(limiter.taken).toEqual([]);
    expect(errors).toMatchObject([
      {
        message: `${path}:1:1 scope: changed, which takes a restart\n${path}:1:1 deny: changed, which takes a restart`,
      },
    ]);
  });

  test("tells when the target refuses or rejects", async () => {
    const { options, errors } = stage();
    const refusal = new Error("not now");
    let answer = (): unknown => {
      throw refusal;
    };
    watch = watchConfig(path, { reconfigure: () => answer() }, options);
    expect(watch.reload()).toBe(false);
    answer = async () => Promise.reject(refusal);
    expect(watch.reload()).toBe(true);
    await setImmediate();
    expect(errors).toEqual([refusal, refusal]);
  });

  test("of a file that has gone is told, and works again when it is back", () => {
    const { options, errors } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    rmSync(path);
    expect(watch.reload()).toBe(false);
    expect(errors).toMatchObject([{ message: expect.stringContaining("cannot be read: ENOENT") }]);
    writeFileSync(path, withLimit(8));
    expect(watch.reload()).toBe(true);
    expect(limiter.taken).toEqual([{ limits: limitsOf(8) }]);
  });

  test("reads with the options of the first time", () => {
    const { options } = stage();
    const configs: LoadedConfig[] = [];
    const env: Record<string, string> = { N: "5" };
    writeFileSync(path, withLimit("'${N}'"));
    watch = watchConfig(path, (config) => configs.push(config), { ...options, env, scope: "user" });
    env["N"] = "9";
    expect(watch.reload()).toBe(true);
    expect(configs).toEqual([{ scope: "user", limits: limitsOf(9) }]);
  });
});

describe("a change in the directory", () => {
  test("is looked at once, a tenth of a second after it began", () => {
    const { options, change, elapse, delays, directories } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    expect(directories).toEqual([folder]);
    writeFileSync(path, withLimit(7));
    change();
    change();
    expect(delays.map(({ ms }) => ms)).toEqual([100]);
    expect(limiter.taken).toEqual([]);
    elapse();
    expect(limiter.taken).toEqual([{ limits: limitsOf(7) }]);
  });

  test("of other files is nothing, and a broken file is told once", () => {
    const { options, change, elapse, errors } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    writeFileSync(join(folder, "other.log"), "x");
    change();
    elapse();
    writeFileSync(path, "limits: [");
    for (let n = 0; n < 3; n += 1) {
      change();
      elapse();
    }
    expect(limiter.taken).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test("is nothing any more once the watch is closed", () => {
    const { options, change, elapse, delays, directories } = stage();
    const limiter = fakeLimiter();
    watch = watchConfig(path, limiter, options);
    writeFileSync(path, withLimit(7));
    change();
    watch.close();
    expect([delays, directories]).toEqual([[], []]);
    change();
    elapse();
    expect(watch.reload()).toBe(false);
    expect(limiter.taken).toEqual([]);
  });

  test("is noticed by the real file system, also when the file is replaced", async () => {
    const limits = await new Promise((resolve, reject) => {
      const target = (config: LoadedConfig): void => {
        resolve(config.limits);
      };
      watch = watchConfig(path, target, { debounceMs: 0, onError: reject });
      writeFileSync(join(folder, "new.yaml"), withLimit(11));
      renameSync(join(folder, "new.yaml"), path);
    });
    expect(limits).toEqual(limitsOf(11));
  });
});

test("a failing directory is told", () => {
  const { options, fail, errors } = stage();
  watch = watchConfig(path, fakeLimiter(), options);
  const failure = new Error("gone");
  fail(failure);
  expect(errors).toEqual([failure]);
});

test("a file that is broken to begin with is an error at once", () => {
  writeFileSync(path, "limits: []\n");
  expect(() => watchConfig(path, fakeLimiter(), stage().options)).toThrow(ConfigFileError);
  expect(() => watchConfig(path, () => undefined, stage().options)).toThrow(ConfigFileError);
});
