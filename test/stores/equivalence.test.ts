import { afterEach, test } from "@jest/globals";
import { equivalenceCases } from "@tollgate/core/testing";

import { openStore, type OpenStore } from "./backends.ts";
import { eachBackend } from "./each-backend.ts";

const isLong = process.env["TOLLGATE_TEST_SIZE"] === "long";

/** The contract has the first 50; these come after them. */
const FIRST_SEED = 51;

eachBackend(
  ({ backend, url }) => {
    const opened: OpenStore[] = [];
    let stores = 0;

    afterEach(async () => {
      for (const { close } of opened.splice(0)) await close();
    });

    test.each(equivalenceCases(isLong ? 5000 : 500, FIRST_SEED))(
      "$name",
      ({ run }) =>
        run(async ({ now }) => {
          stores += 1;
          const namespace = `same${String(stores)}`;
          const store = await openStore({ backend, url: url(), namespace, clock: now });
          opened.push(store);
          return store.store;
        }),
      120_000,
    );
  },
  // What is committed need not survive these tests.
  { isDurable: false },
);
