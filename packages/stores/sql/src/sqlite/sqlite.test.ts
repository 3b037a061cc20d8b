import { afterEach, describe, test } from "@jest/globals";
import { type MakeStore, storeContract } from "@tollgate/core/testing";
import Database from "better-sqlite3";

import { whyNoSqlite } from "./addon.test-support.ts";
import { sqliteStore } from "./sqlite-store.ts";

const skipped = whyNoSqlite("the SQLite store");

(skipped === undefined ? describe : describe.skip)("on SQLite", () => {
  const open: Database.Database[] = [];

  afterEach(() => {
    for (const database of open.splice(0)) database.close();
  });

  const makeStore: MakeStore = ({ now }) => {
    const database = new Database(":memory:");
    open.push(database);
    return sqliteStore({ database, clock: now });
  };

  test.each(storeContract)("$name", ({ run }) => run(makeStore));
});
