import { describe, test } from "@jest/globals";

import { equivalenceCases } from "../testing/contract/equivalence.ts";
import { storeContract } from "../testing/store-contract.ts";
import { mapEngine } from "./map-engine.test-support.ts";
import { sharedStore } from "./shared-store.ts";

const options = { maxBatch: 64, maxInFlight: 4, maxQueued: 1000 };

describe.each([true, false])("on an engine whose synchronous is %p", (synchronous) => {
  test.each(storeContract)("$name", ({ run }) =>
    run(({ now }) =>
      sharedStore(
        mapEngine(now, { records: new Map(), reservations: new Map() }, synchronous),
        options,
      ),
    ),
  );
});

describe("generated timelines", () => {
  const { TOLLGATE_TEST_SIZE: size } = process.env;

  test.each(equivalenceCases(size === "long" ? 20_000 : 500, 1000))("$name", ({ run }) =>
    run(({ now }) =>
      sharedStore(mapEngine(now, { records: new Map(), reservations: new Map() }, false), options),
    ),
  );
});
