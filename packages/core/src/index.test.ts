import { expect, test } from "@jest/globals";

import * as core from "./index.ts";

test("the public names of @tollgate/core are these", () => {
  expect(Object.keys(core).toSorted()).toEqual([
    "TollgateError",
    "createLimiter",
    "encodeKey",
    "errorCodes",
    "getDecision",
    "isRateLimitError",
    "isTollgateError",
    "memoryStore",
    "rateLimitError",
    "systemClock",
  ]);
});
