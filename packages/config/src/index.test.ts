import { expect, test } from "@jest/globals";

import * as config from "./index.ts";

test("the public names are these", () => {
  expect(Object.keys(config).toSorted()).toMatchInlineSnapshot(`
[
  "ConfigFileError",
  "loadConfig",
  "parseConfig",
  "readConfig",
  "schema",
  "watchConfig",
]
`);
});
