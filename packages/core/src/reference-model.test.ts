import { describe, test } from "@jest/globals";

import { holds } from "./property.test-support.ts";
import { replay, timeline, unsteadyTimeline } from "./timelines.test-support.ts";

describe("the memory store agrees with the reference model to the last unit", () => {
  test("while time goes on and records come and go", () => {
    holds(timeline, replay);
  });

  test("while the clock steps back and routes have different numbers", () => {
    holds(unsteadyTimeline, replay);
  });
});
