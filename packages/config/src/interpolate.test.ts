import { describe, expect, test } from "@jest/globals";

import { parseConfig } from "./index.ts";

const env = { N: "5", ON: "true", EMPTY: "", SCOPE: "user", PLUS: "+1e3", NIL: "null", id: "12" };

const limitOf = (fields: string): unknown =>
  parseConfig(`limits: [{ type: count, window: day, ${fields} }]`, { env }).limits?.[0];

describe("a variable", () => {
  test("alone in a scalar becomes the number, boolean or nothing it holds, quoted or not", () => {
    const fields = 'limit: "${N}", shadow: "${ON}", scope: "${SCOPE}", within: "${NIL}"';
    expect(limitOf(fields)).toEqual({
      type: "count",
      window: "day",
      limit: 5,
      shadow: true,
      scope: "user",
      within: null,
    });
    expect(
      parseConfig("limits:\n- type: count\n  window: day\n  limit: ${PLUS}", { env }).limits,
    ).toMatchObject([{ limit: 1000 }]);
  });

  test("stays a text where a text is wanted", () => {
    expect(limitOf('limit: 5, name: "${id}"')).toMatchObject({ name: "12" });
    expect(parseConfig('{"enabled": false, "allow": {"user": ["${id}"]}}', { env }).allow).toEqual({
      user: ["12"],
    });
  });

  test("among other text is put in its place", () => {
    expect(limitOf('limit: 5, name: "per ${SCOPE}, ${N} a ${DAY:-day}"')).toMatchObject({
      name: "per user, 5 a day",
    });
  });

  test("has a default for when it is unset or empty", () => {
    expect(limitOf('limit: "${NOWHERE:-7}"')).toMatchObject({ limit: 7 });
    expect(limitOf('limit: "${EMPTY:-7}"')).toMatchObject({ limit: 7 });
    expect(limitOf('limit: "${N:-7}"')).toMatchObject({ limit: 5 });
    expect(() => limitOf('limit: "${EMPTY}"')).toThrow("got a string from ${EMPTY}");
  });

  test("is not looked for in what a variable holds, nor in keys, nor behind a doubled $", () => {
    const twice = { A: "${B}", B: "no" };
    const named = (name: string): unknown =>
      parseConfig(`limits: [{ type: count, window: day, limit: 5, name: "${name}" }]`, {
        env: twice,
      }).limits?.[0];
    expect(named("${A}")).toMatchObject({ name: "${B}" });
    expect(named("$${A} for $5")).toMatchObject({ name: "${A} for $5" });
    expect(() => parseConfig('"${A}": 1', { env: twice })).toThrow('["${A}"]: unknown key');
  });

  test("cannot be what every object has", () => {
    expect(() => limitOf('limit: "${toString}"')).toThrow("the environment has no toString");
  });

  test("of another section is nobody's business here", () => {
    const text = "database: { url: '${SECRET_URL}' }\nrate_limiting: { enabled: false }";
    expect(parseConfig(text, { env })).toEqual({ enabled: false });
  });

  test("cannot change the structure of a file", () => {
    const evil = { NAME: 'x\nenabled: false\nlimits: [{ "a": 1 }]' };
    expect(() =>
      parseConfig("name: ${NAME}\nlimits: [{ type: count, window: day, limit: 5 }]", { env: evil }),
    ).toThrow("name: expected a limiter's name");
  });

  test("comes from the environment of the process unless told otherwise", () => {
    const path = process.env["PATH"] ?? "";
    expect(path).not.toBe("");
    const { allow } = parseConfig("enabled: false\nallow: { user: ['${PATH}'] }");
    expect(allow).toEqual({ user: [path] });
  });
});
