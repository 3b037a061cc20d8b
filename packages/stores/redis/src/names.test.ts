import { describe, expect, test } from "@jest/globals";
import { encodeKey } from "@tollgate/core";

import { namesIn, tagOf } from "./names.ts";

describe("names", () => {
  test("put a tenant and everything within it under one tag", () => {
    const keys = [
      encodeKey(["default:tenant", "acme"]),
      encodeKey(["default:user", "acme", "u-7"]),
      encodeKey(["other:session", "acme", "s-1"]),
    ];
    expect(keys.map(tagOf)).toEqual(["acme", "acme", "acme"]);
  });

  test("put everybody else under tags of their own", () => {
    const keys = [
      encodeKey(["default:user", "acme"]),
      encodeKey(["default:session", "acme"]),
      encodeKey(["default:global", "#global"]),
      encodeKey(["default:user!", "acme"]),
    ];
    expect(new Set(keys.map(tagOf)).size).toBe(keys.length);
  });

  test("lead back to what was named", () => {
    const names = namesIn("my:r:{-less}".replaceAll(/[{}]/g, ""));
    const key = encodeKey(["default:user", "{a}*", "\0\n"]);
    expect(names.keyIn(names.record(key))).toBe(key);
    expect(names.tokenIn(names.reservation("r.1"))).toBe("r.1");
  });

  test("have one tag that nothing in an id can move", () => {
    const name = namesIn("p:").record(encodeKey(["default:tenant", "}{"]));
    expect(name.match(/[{}]/g)).toEqual(["{", "}"]);
  });
});
