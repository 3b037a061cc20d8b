import { expect, test } from "@jest/globals";

import * as core from "./index.ts";

test("the public names of @tollgate/core are these", () => {
  expect(Object.keys(core).toSorted()).toEqual([
    "TollgateError",
    "agentHooks",
    "createLimiter",
    "encodeKey",
    "errorCodes",
    "getDecision",
    "guard",
    "isRateLimitError",
    "isTollgateError",
    "memoryStore",
    "rateLimitError",
    "rateLimited",
    "systemClock",
    "systemScheduler",
    "tiers",
  ]);
});
