import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedStore } from "@tollgate/core/shared";
import { storeContract } from "@tollgate/core/testing";
import { skipReason } from "@tollgate/servers";

import { postgresEngine } from "./engine.ts";
import { PostgresSetup } from "./setup.test-support.ts";

const reason = skipReason("stores/sql, postgres", "postgres");
if (reason !== undefined) process.stderr.write(`${reason}\n`);

const options = { maxBatch: 64, maxInFlight: 4, maxQueued: 10_000 };

(reason === undefined ? describe : describe.skip)("on PostgreSQL", () => {
  let setup: PostgresSetup;
  beforeAll(async () => {
    setup = await PostgresSetup.start(4);
  });
  afterAll(async () => setup.stop());

  describe.each(["pg", "postgres.js"] as const)("by %s", (client) => {
    let prefix: string;
    beforeAll(async () => {
      prefix = await setup.table();
    });
    test.each(storeContract)("$name", ({ run }) =>
      run(async ({ now }) => {
        await setup.pool.query(`DELETE FROM ${prefix}state`);
        return sharedStore(postgresEngine(setup.seam(client), { prefix, clock: now }), options);
      }),
    );
  });
});
