import { expect, test } from "@jest/globals";

import { subjectOf } from "./identity.ts";

const address = "203.0.113.7";

test.each([
  [undefined, { ip: address, caller: address }],
  [null, { ip: address, caller: address }],
  ["alice", { ip: address, caller: "alice" }],
  // Empty is not missing: it is an error of the application, told when a limit needs the id.
  ["", { ip: address, caller: "" }],
  [{ user: "u" }, { user: "u", ip: address, caller: address }],
  [
    { caller: "c", ip: "i" },
    { caller: "c", ip: "i" },
  ],
  [
    { caller: undefined, ip: null },
    { caller: address, ip: address },
  ],
])("%j is whoever it names, at the address", (identified, expected) => {
  expect(subjectOf(identified, address)).toStrictEqual(expected);
});

test("without an address nobody is made up", () => {
  expect(subjectOf({ user: "u" }, undefined)).toStrictEqual({
    user: "u",
    ip: undefined,
    caller: undefined,
  });
});

test("what identify returned is not changed", () => {
  const identified = Object.freeze({ user: "u" });
  expect(subjectOf(identified, address)).not.toBe(identified);
  expect(identified).toStrictEqual({ user: "u" });
});

test.each([7, true, ["a"], Symbol("a"), () => "alice"])("%p is no identity", (identified) => {
  expect(() => subjectOf(identified, address)).toThrow(
    expect.objectContaining({ code: "INVALID_SUBJECT", path: "identify" }),
  );
});
