import { afterEach, expect, jest, test } from "@jest/globals";

import { ProxyWarnings } from "./warnings.ts";

const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
afterEach(() => {
  warned.mockClear();
});

const codes = (): unknown[] =>
  warned.mock.calls.map(([, options]) => Reflect.get(Object(options), "code"));

test.each([
  ["none", true, "TOLLGATE_UNTRUSTED_PROXY"],
  ["anyone", true, "TOLLGATE_TRUSTS_ANYONE"],
  ["anyone", false, "TOLLGATE_TRUSTS_ANYONE"],
  ["ignored", false, "TOLLGATE_TRUST_IGNORED"],
] as const)("trust %s with forwarded %s warns once: %s", (trust, forwarded, code) => {
  const warnings = new ProxyWarnings();
  for (let n = 0; n < 3; n += 1) warnings.look(trust, forwarded);
  expect(codes()).toStrictEqual([code]);
  expect(warned).toHaveBeenCalledWith(expect.stringMatching(/docs\/client-address\.md$/), {
    type: "TollgateWarning",
    code,
  });
});

test.each([
  ["none", false],
  ["listed", true],
  ["listed", false],
] as const)("trust %s with forwarded %s is fine", (trust, forwarded) => {
  new ProxyWarnings().look(trust, forwarded);
  expect(codes()).toStrictEqual([]);
});

test("each kind is told of, once", () => {
  const warnings = new ProxyWarnings();
  warnings.look("anyone", true);
  warnings.look("none", true);
  warnings.look("anyone", true);
  expect(codes()).toStrictEqual(["TOLLGATE_TRUSTS_ANYONE", "TOLLGATE_UNTRUSTED_PROXY"]);
});
