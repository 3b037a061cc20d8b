import { describe, expect, jest, test } from "@jest/globals";

import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { manualClock } from "../testing/manual-clock.ts";
import type { RequestFacts, Verdict } from "./facts.ts";
import { createGate } from "./gate.ts";
import type { RateLimitOptions } from "./options.ts";

type Facts = RequestFacts<string>;
type Options = RateLimitOptions<string>;

const minute: LimitInput = { type: "count", window: "minute", limit: 2, name: "minute" };
const tokens: LimitInput = { type: "token", window: "minute", limit: 100, name: "tokens" };

const factsOf = (changes: Partial<Facts> = {}, headers: Record<string, string> = {}): Facts => ({
  request: "request",
  exchange: {},
  method: "GET",
  path: "/",
  header: (name) => headers[name],
  address: "203.0.113.7",
  trust: "none",
  body: undefined,
  responseField: () => undefined,
  gone: () => false,
  whenGone: () => () => undefined,
  ...changes,
});

const forwarded = (): Facts => factsOf({}, { "x-forwarded-for": "198.51.100.1" });

function stage(limits: readonly LimitInput[], options: Options = {}) {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now });
  const gate = createGate<string>({ limits, store, ...options });
  const used = async (subject = "203.0.113.7") =>
    (await gate.limiter.usage({ caller: subject, ip: subject })).map(({ current }) => current);
  return { clock, store, gate, used };
}

/** The end of an admitted exchange. */
function endOf(verdict: Verdict): (reached: boolean) => void {
  if (verdict.outcome !== "admitted" || verdict.end === undefined) throw new Error("no end");
  const { end } = verdict;
  return (reached) => {
    end({ reached, finished: true, status: 200 });
  };
}

describe("a gate", () => {
  test("charges whoever has the address, and refuses when that is used up", async () => {
    const { gate, used } = stage([minute]);
    const outcomes = [];
    for (let n = 0; n < 3; n += 1) outcomes.push((await gate.admit(factsOf())).outcome);
    expect(outcomes).toStrictEqual(["admitted", "admitted", "refused"]);
    await expect(used()).resolves.toStrictEqual([2]);
    expect((await gate.admit(factsOf({ address: "203.0.113.8" }))).outcome).toBe("admitted");
  });

  test("gives callbacks the framework's request, and cost what is known of it", async () => {
    const identify = jest.fn<NonNullable<Options["identify"]>>(() => ({ user: "u" }));
    const cost = jest.fn<NonNullable<Options["cost"]>>(() => ({ token: 5 }));
    const skip = jest.fn<NonNullable<Options["skip"]>>(() => false);
    const { gate } = stage([tokens], { identify, cost, skip });
    await gate.admit(factsOf({ body: { a: 1 } }, { "content-length": "7" }));
    expect(identify).toHaveBeenCalledWith("request");
    expect(skip).toHaveBeenCalledWith("request");
    expect(cost).toHaveBeenCalledWith("request", {
      subject: { user: "u", ip: "203.0.113.7", caller: "203.0.113.7" },
      body: { a: 1 },
      contentLength: 7,
    });
  });

  test("counts a request as 1 unless cost says otherwise", async () => {
    const one = stage([minute, tokens], { cost: () => ({ token: 5 }) });
    await one.gate.admit(factsOf());
    await expect(one.used()).resolves.toStrictEqual([1, 5]);
    const two = stage([minute, tokens], { cost: () => ({ token: 5, count: 2 }) });
    await two.gate.admit(factsOf());
    await expect(two.used()).resolves.toStrictEqual([2, 5]);
  });

  test("puts nothing on record for limits on requests alone", async () => {
    const { gate, store } = stage([minute]);
    const verdict = await gate.admit(factsOf());
    expect(verdict).toMatchObject({ outcome: "admitted", end: undefined });
    expect(store.stats().openReservations).toBe(0);
  });

  test.each([
    [true, [1, 40]],
    [false, [1, 0]],
  ])("ends a hold when the exchange is over, reached: %s, once", async (reached, left) => {
    const { gate, store, used } = stage([minute, tokens], { cost: () => ({ token: 40 }) });
    const end = endOf(await gate.admit(factsOf()));
    expect(store.stats().openReservations).toBe(1);
    end(reached);
    end(!reached);
    expect(store.stats().openReservations).toBe(0);
    await expect(used()).resolves.toStrictEqual(left);
  });

  test("the end of an exchange survives a store that fails", async () => {
    const failing = memoryStore();
    const limiter = createLimiter({
      limits: [tokens],
      store: {
        ...failing,
        settle: () => {
          throw new Error("down");
        },
      },
    });
    const failures: string[] = [];
    limiter.subscribe((event) => {
      if (event.type === "storeFailure") failures.push(event.operation);
    });
    const gate = createGate<string>({ limiter, cost: () => ({ token: 1 }) });
    endOf(await gate.admit(factsOf()))(true);
    await new Promise(setImmediate);
    expect(failures).toStrictEqual(["settle"]);
  });

  test("asks nobody when the client has gone, and gives back when it goes meanwhile", async () => {
    const before = stage([tokens], { cost: () => ({ token: 40 }) });
    expect((await before.gate.admit(factsOf({ gone: () => true }))).outcome).toBe("gone");
    expect(before.store.stats().keys).toBe(0);
    const during = stage([tokens], { cost: () => ({ token: 40 }) });
    const gone = jest.fn(() => gone.mock.calls.length > 1);
    expect((await during.gate.admit(factsOf({ gone }))).outcome).toBe("gone");
    await expect(during.used()).resolves.toStrictEqual([0]);
    expect(during.store.stats().openReservations).toBe(0);
  });

  test("an address that is none is no caller: 400, not everybody's", async () => {
    for (const address of [undefined, "", "unknown", "1.2.3.4, 5.6.7.8"]) {
      const { gate, store } = stage([minute]);
      const verdict = await gate.admit(factsOf({ address }));
      expect(verdict).toMatchObject({ outcome: "refused", status: 400 });
      expect(store.stats().keys).toBe(0);
    }
  });

  test("clientAddress decides over the framework", async () => {
    const { gate, used } = stage([minute], { clientAddress: () => "198.51.100.1:99" });
    await gate.admit(factsOf());
    await expect(used("198.51.100.1")).resolves.toStrictEqual([1]);
  });

  test("charges an exchange once, through whichever of its routes, and tells once", async () => {
    const { gate, used } = stage([minute]);
    const route = gate.forRoute({ limits: { minute: { limit: 1 } } });
    const facts = factsOf();
    const first = await route.admit(facts);
    const again = await gate.admit(facts);
    expect(first.fields).toHaveProperty("RateLimit");
    expect(again).toMatchObject({ outcome: "admitted", fields: {}, end: undefined });
    await expect(used()).resolves.toStrictEqual([1]);
    expect(again.outcome === "admitted" && first.outcome === "admitted").toBe(true);
  });

  test("two gates on one limiter charge once, two limiters charge twice", async () => {
    const limiter = createLimiter({ limits: [minute] });
    const other = createLimiter({ limits: [minute] });
    const facts = factsOf();
    for (const one of [limiter, limiter, other]) {
      await createGate<string>({ limiter: one }).admit(facts);
    }
    const charged = [limiter, other].map((one) => one.usage("203.0.113.7")[0]?.current);
    expect(charged).toStrictEqual([1, 1]);
  });

  test("a refusal of a later gate gives back what earlier ones hold, whose end then does nothing", async () => {
    const first = stage([minute, tokens], { cost: () => ({ token: 40 }) });
    const second = stage([{ ...minute, suspended: true }]);
    const facts = factsOf();
    const end = endOf(await first.gate.admit(facts));
    expect((await second.gate.admit(facts)).outcome).toBe("refused");
    end(true);
    await expect(first.used()).resolves.toStrictEqual([0, 0]);
    expect(first.store.stats().openReservations).toBe(0);
  });

  test("a client that leaves while a later gate decides gets everything but the request back", async () => {
    const first = stage([minute, tokens], { cost: () => ({ token: 40 }) });
    const facts = factsOf();
    const end = endOf(await first.gate.admit(facts));
    const second = stage([minute], {
      identify: () => {
        end(true);
        return "alice";
      },
    });
    await second.gate.admit(facts);
    await expect(first.used()).resolves.toStrictEqual([1, 0]);
  });

  test.each(["identify", "skip", "cost", "clientAddress"] as const)(
    "what %s throws goes to the framework, and gives back what earlier gates hold",
    async (callback) => {
      const first = stage([minute, tokens], { cost: () => ({ token: 40 }) });
      const bug = new TypeError("a bug");
      const options: Options = { cost: () => ({ token: 1 }) };
      const second = stage([tokens], {
        ...options,
        [callback]: () => {
          throw bug;
        },
      });
      const facts = factsOf();
      await first.gate.admit(facts);
      await expect(second.gate.admit(facts)).rejects.toBe(bug);
      await expect(first.used()).resolves.toStrictEqual([1, 0]);
      expect(second.store.stats().keys).toBe(0);
    },
  );

  test("what onRefused throws goes to the framework, with status and fields", async () => {
    const { gate } = stage([{ ...minute, suspended: true }], {
      onRefused: ({ error }) => {
        throw error;
      },
    });
    await expect(gate.admit(factsOf())).rejects.toMatchObject({
      code: "REFUSED",
      status: 429,
      statusCode: 429,
      expose: true,
      headers: { "Cache-Control": "no-store", "x-should-retry": "false" },
    });
  });

  test("warns of the proxy only where the framework's address decides", async () => {
    const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);

    const user: LimitInput = { ...minute, scope: "user" };
    const quiet = [
      stage([minute], { identify: () => "alice" }),
      stage([user], { identify: () => ({ user: "u" }) }),
      stage([minute], { clientAddress: () => "198.51.100.1" }),
      stage([minute], { skip: () => true }),
    ];
    for (const { gate } of quiet) await gate.admit(forwarded());
    expect(warned).not.toHaveBeenCalled();
    const loud = [
      stage([minute]),
      stage([{ ...minute, scope: "ip" }], { identify: () => "alice" }),
    ];
    for (const { gate } of loud) {
      warned.mockClear();
      for (let n = 0; n < 2; n += 1) await gate.admit(forwarded());
      expect(warned).toHaveBeenCalledTimes(1);
    }
    warned.mockRestore();
  });
});
