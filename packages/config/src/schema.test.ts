import { readFileSync } from "node:fs";

import { expect, test } from "@jest/globals";

import { schema } from "./index.ts";
import { limitFields } from "./limit-fields.ts";

test("the published file says what the fields say; `pnpm schema` writes it again", () => {
  const file = readFileSync(new URL("../schema.json", import.meta.url), "utf8");
  expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(schema)));
});

test("editors are told what each field of a limit means", () => {
  const described = Object.values(limitFields).map(({ schema: each }) => each["description"]);
  expect(described).toHaveLength(19);
  expect(described).toEqual(described.map(() => expect.stringMatching(/^[a-zA-Z].+\.$/)));
});
