import { expect, test } from "@jest/globals";
import { createLimiter } from "@tollgate/core";
import { sharedStore } from "@tollgate/core/shared";

import { mysqlDialect } from "../mysql/dialect.ts";
import { parseOptions } from "../store-options.ts";
import { Tables } from "../tables.ts";
import { LockingEngine } from "./engine.ts";
import type { LockingSeam } from "./seam.ts";

const done = async (): Promise<void> => undefined;

test("D-SQL-01 gives up, and says why, where rows are removed as fast as they are made", async () => {
  const asked: string[] = [];
  // A database that forgets at once.
  const query: LockingSeam["query"] = async (text) => {
    asked.push(text);
    return { rows: [], changed: 0 };
  };
  const seam: LockingSeam = { query, withConnection: (work) => work(query) };
  const settings = parseOptions({ clock: () => 1_800_000_000_000 }, "mysqlStore", []);
  const engine = new LockingEngine(seam, mysqlDialect, settings, new Tables(true, done, done));
  const limiter = createLimiter({
    store: sharedStore(engine, { maxBatch: 1, maxInFlight: 1, maxQueued: 1 }),
    limits: [{ type: "count", window: "minute", limit: 1 }],
  });
  await expect(Promise.resolve(limiter.checkAndRecord("alice"))).rejects.toMatchObject({
    code: "STORE_FAILED",
    cause: { message: "rows are removed as fast as they are made" },
  });
  expect(asked.filter((text) => text.startsWith("START"))).toHaveLength(8);
  expect(asked).not.toContain("COMMIT");
});
