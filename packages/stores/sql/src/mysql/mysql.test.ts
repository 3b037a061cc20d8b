import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type MakeStore, storeContract } from "@tollgate/core/testing";
import { mariadbServer, type RunningServer, skipReason } from "@tollgate/servers";
import mysql from "mysql2/promise";

import { mysqlStore } from "./mysql-store.ts";

const skipped = skipReason("the MySQL store", "mariadb");
if (skipped !== undefined) process.stderr.write(`${skipped}\n`);

(skipped === undefined ? describe : describe.skip)("on MariaDB", () => {
  let server: RunningServer;
  let pool: mysql.Pool;
  let stores = 0;

  beforeAll(async () => {
    // What is committed need not survive these tests.
    server = await mariadbServer({ settings: { innodb_flush_log_at_trx_commit: "0" } });
    pool = mysql.createPool({ uri: server.url, connectionLimit: 8 });
  });

  afterAll(async () => {
    await pool.end();
    await server.stop();
  });

  const makeStore: MakeStore = ({ now }) => {
    stores += 1;
    return mysqlStore({ pool, tablePrefix: `t${String(stores)}_`, clock: now });
  };

  test.each(storeContract)("$name", ({ run }) => run(makeStore));
});
