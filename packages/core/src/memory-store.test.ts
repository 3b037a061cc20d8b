import { describe, test } from "@jest/globals";

import { memoryStore } from "./memory-store.ts";
import { storeContract } from "./testing/store-contract.ts";

describe("memoryStore keeps the store contract", () => {
  test.each(storeContract)("$name", ({ run }) => run(({ now }) => memoryStore({ clock: now })));
});
