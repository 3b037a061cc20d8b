import { BlockList } from "node:net";

import { describe, expect, test } from "@jest/globals";

import type { LimiterEvent } from "../events.ts";
import { AccessLists } from "./access-lists.ts";
import { createLimiter } from "./create-limiter.ts";

const NOW_MS = 1000;

/** What lists say of a subject. */
const verdict = (
  lists: AccessLists,
  subject: Parameters<AccessLists["decide"]>[0],
  ip?: string,
) => {
  const decision = lists.decide(subject, NOW_MS, ip);
  if (decision === undefined) return "asks the limits";
  return decision.allowed ? "allowed" : `denied by ${String(decision.deniedBy)}`;
};

describe("allow and deny lists", () => {
  const lists = new AccessLists(
    { user: ["root", "both"], ip: ["198.51.100.7"] },
    {
      user: ["mallory", "both"],
      tenant: ["unpaid"],
      ip: ["10.0.0.0/8", "2001:db8:0:5600::/56", "203.0.113.9"],
    },
  );

  test.each([
    [{ user: "alice" }, "asks the limits"],
    [{ user: "root" }, "allowed"],
    [{ user: "mallory" }, "denied by user"],
    [{ user: "both" }, "denied by user"],
    [{ user: "root", tenant: "unpaid" }, "denied by tenant"],
    [{ user: "MALLORY" }, "asks the limits"],
    [{ user: "root " }, "asks the limits"],
    [{ user: null }, "asks the limits"],
    ["mallory", "asks the limits"],
    [{ ip: "10.255.0.1" }, "denied by ip"],
    [{ ip: "11.0.0.1" }, "asks the limits"],
    [{ ip: "203.0.113.9" }, "denied by ip"],
    [{ ip: "198.51.100.7" }, "allowed"],
    [{ ip: "no address" }, "asks the limits"],
    [{ ip: "2001:db8:0:56ff::1" }, "denied by ip"],
    [{ ip: "2001:db8:0:5700::1" }, "asks the limits"],
    // A network is on a list only if all of it is.
    [{ ip: "2001:db8:0:5600::/56" }, "denied by ip"],
    [{ ip: "2001:db8:0:5600::/48" }, "asks the limits"],
  ])("%j %s", (subject, expected) => {
    expect(verdict(lists, subject)).toBe(expected);
  });

  test("look at the address itself where the subject's is that of its network", () => {
    const narrow = new AccessLists(undefined, { ip: ["2001:db8:0:5601::/64"] });
    const subject = { ip: "2001:db8:0:5600::/56" };
    expect(verdict(narrow, subject)).toBe("asks the limits");
    expect(verdict(narrow, subject, "2001:db8:0:5601::9")).toBe("denied by ip");
    expect(verdict(narrow, subject, "2001:db8:0:5602::9")).toBe("asks the limits");
  });

  test("take a net.BlockList, and see what is added to it later", () => {
    const ranges = new BlockList();
    const open = new AccessLists(undefined, { ip: ranges });
    expect(verdict(open, { ip: "192.0.2.1" })).toBe("asks the limits");
    ranges.addAddress("192.0.2.1");
    expect(verdict(open, { ip: "192.0.2.1" })).toBe("denied by ip");
  });
});

describe("a limiter with lists", () => {
  test("asks no limit about who is on one, by whatever method, and tells of who is denied", async () => {
    const events: LimiterEvent[] = [];
    const limiter = createLimiter({
      limits: [{ type: "count", window: "minute", limit: 1, scope: "user" }],
      allow: { user: ["root"] },
      deny: { user: ["mallory"] },
      onEvent: (event) => events.push(event),
    });
    for (let call = 0; call < 3; call += 1) {
      expect(limiter.checkAndRecord({ user: "root" }).allowed).toBe(true);
      expect(limiter.reserve({ user: "root" }).reservation).toBeUndefined();
    }
    expect(limiter.usage({ user: "root" })[0]?.current).toBe(0);
    const denials = [
      limiter.check({ user: "mallory" }),
      limiter.checkAndRecord({ user: "mallory" }),
      limiter.reserve({ user: "mallory" }, { count: 1 }),
      await limiter.acquire({ user: "mallory" }),
    ];
    for (const { outcome, deniedBy, retryAfterMs, reason } of denials) {
      expect([outcome, deniedBy, retryAfterMs]).toEqual(["refused", "user", undefined]);
      expect(reason).toBe("the subject's user is on the deny list");
    }
    expect(events.map(({ type }) => type)).toEqual(["refused", "refused", "refused"]);
  });
});
