import assert from "node:assert/strict";

import type { LimitInput } from "../policy/limit-input.ts";
import { tiers } from "../tiers/presets.ts";
import type { AdapterCase, AnyRequest, Handler } from "./adapter-app.ts";
import { objectIn, open, send } from "./adapter-client.ts";
import {
  appCase,
  behind,
  byHeader,
  desk,
  home,
  limitFields,
  perMinute,
  settleDown,
  signal,
  waitingCalls,
  warningsOf,
} from "./adapter-stage.ts";

const slots = (limit: number): LimitInput => ({ type: "concurrency", limit, name: "slots" });

/** Answers with a first chunk, and ends when it is told to. */
function lasting(): { readonly handler: Handler; readonly end: () => void } {
  const over = signal();
  async function* chunks(): AsyncGenerator<string> {
    yield "first";
    await over.happened;
    yield "last";
  }
  return { handler: () => ({ chunks: chunks() }), end: over.happen };
}

const tenantOf = ({ headers }: AnyRequest): { tenant: string } => ({
  tenant: String(headers["x-caller"]),
});

const scoped = (limits: readonly LimitInput[]): readonly LimitInput[] =>
  limits.map((limit) => ({ ...limit, scope: "tenant" }));

const oneToken = (): Readonly<Record<string, number>> => ({ token: 1 });

const clientAddress = ({ headers }: AnyRequest): string => String(headers["x-from"]);

const byAddress = ({ headers }: AnyRequest): { ip: string } => ({ ip: String(headers["x-from"]) });

const brokenCallback = (): boolean => {
  throw new Error("of the application");
};

const failing: Handler = () => ({ json: {}, status: 500 });

/** Limits beyond windows and buckets, and what can happen to a request beside being refused. */
export const vocabularyCases: readonly AdapterCase[] = [
  appCase("D-RES-15 a slot is taken while an answer streams, and no longer", async (start) => {
    const { limiter, used } = desk([slots(1)]);
    const { handler, end } = lasting();
    const app = await start(behind({ limiter, identify: byHeader }, home(handler)));
    const running = await open(app);
    assert.equal(await running.read(), "first");
    const refused = await send(app);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers["ratelimit-policy"], '"slots";q=1;qu="concurrent-requests"');
    assert.equal(refused.headers["retry-after"], "300");
    end();
    assert.equal(await running.read(), "last");
    assert.equal(await running.read(), undefined);
    while ((await used("alice"))["slots"] !== 0) await settleDown();
    const next = await send(app);
    assert.equal(next.status, 200);
  }),

  appCase("D-RES-15 a client that hangs up gives its slot back", async (start) => {
    const { limiter, told, used } = desk([slots(1)]);
    const { handler } = lasting();
    const app = await start(behind({ limiter, identify: byHeader }, home(handler)));
    const running = await open(app);
    await running.read();
    running.abort();
    await told("settled");
    assert.deepEqual(await used("alice"), { slots: 0 });
  }),

  appCase("a request that waits is served when there is room, by the clock", async (start) => {
    const one = desk([perMinute(1)]);
    const { limiter, clock } = one;
    const app = await start(
      behind({ limiter, identify: byHeader, onRefused: "wait", maxWaitMs: 90_000 }),
    );
    assert.equal((await send(app)).status, 200);
    const waiting = send(app);
    await waitingCalls(one, 1);
    clock.advance(59_999);
    await settleDown();
    assert.equal(limiter.waiting.waiting, 1);
    clock.advance(1);
    const answer = await waiting;
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["x-ratelimit-remaining"], "0");
  }),

  appCase("a request that cannot be served in time is refused at once", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(
      behind({ limiter, identify: byHeader, onRefused: "wait", maxWaitMs: 5000 }),
    );
    assert.equal((await send(app)).status, 200);
    const refused = await send(app);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers["retry-after"], "60");
    assert.equal(limiter.waiting.waiting, 0);
  }),

  appCase(
    "D-STR-07 a request whose client went away while it waited is never run",
    async (start) => {
      const one = desk([perMinute(1)]);
      const { limiter, clock, used } = one;
      let runs = 0;
      const counted: Handler = () => {
        runs += 1;
        return { json: {} };
      };
      const app = await start(
        behind(
          { limiter, identify: byHeader, onRefused: "wait", maxWaitMs: 90_000 },
          home(counted),
        ),
      );
      await send(app);
      const hangUp = new AbortController();
      const gone = fetch(app.url, { signal: hangUp.signal });
      await waitingCalls(one, 1);
      hangUp.abort();
      await assert.rejects(gone);
      await waitingCalls(one, 0);
      clock.advance(60_000);
      await settleDown();
      assert.equal(runs, 1);
      assert.deepEqual(await used("alice"), { requests: 0 });
    },
  ),

  appCase("a slot that is given back lets the next waiting request in", async (start) => {
    const one = desk([slots(1)]);
    const { limiter } = one;
    const { handler, end } = lasting();
    const app = await start(
      behind({ limiter, identify: byHeader, onRefused: "wait" }, home(handler)),
    );
    const running = await open(app);
    await running.read();
    const waiting = send(app);
    await waitingCalls(one, 1);
    end();
    assert.equal((await waiting).status, 200);
  }),

  appCase("requests are slowed down before they are refused", async (start) => {
    const one = desk([perMinute(10)]);
    const { limiter, clock, told } = one;
    const slowDown = { above: 50, maxDelayMs: 1000 };
    const app = await start(behind({ limiter, identify: byHeader, slowDown }));
    await limiter.record("alice", { count: 4 });
    assert.equal((await send(app)).status, 200);
    // The next is the sixth of ten: a fifth of the way from 50 % to 100 %.
    let answered = false;
    const slow = send(app).finally(() => {
      answered = true;
    });
    while ((await limiter.usage("alice"))[0]?.current !== 6) await settleDown();
    clock.advance(199);
    await settleDown();
    assert.equal(answered, false);
    clock.advance(1);
    assert.equal((await slow).status, 200);
    await limiter.record("alice", { count: 4 });
    assert.equal((await send(app)).status, 429);
    assert.equal((await told("refused")).type, "refused");
  }),

  appCase("countWhen: only failures count, where only they are limited", async (start) => {
    const { limiter, used, told } = desk([perMinute(2)]);
    let status = 401;
    const login: Handler = () => ({ json: {}, status });
    const app = await start(
      behind({ limiter, identify: byHeader, countWhen: "failed" }, home(login)),
    );
    await send(app);
    await told("settled");
    status = 200;
    for (let time = 0; time < 3; time += 1) assert.equal((await send(app)).status, 200);
    while ((await used("alice"))["requests"] !== 1) await settleDown();
    status = 401;
    assert.equal((await send(app)).status, 401);
    while ((await used("alice"))["requests"] !== 2) await settleDown();
    assert.equal((await send(app)).status, 429);
  }),

  appCase("countWhen: of one route only, what did not succeed is not counted", async (start) => {
    const { limiter, used, told } = desk([perMinute(5)]);
    const app = await start(
      behind({ limiter, identify: byHeader }, home(failing), {
        path: "/kind",
        override: { countWhen: "succeeded" },
        handler: failing,
      }),
    );
    assert.equal((await send(app, { path: "/kind" })).status, 500);
    await told("settled");
    assert.deepEqual(await used("alice"), { requests: 0 });
    assert.equal((await send(app)).status, 500);
    assert.deepEqual(await used("alice"), { requests: 1 });
  }),

  appCase(
    "who is denied gets 403 and is told of no limit; who is allowed meets none",
    async (start) => {
      const { limiter, used, events } = desk([perMinute(1)], {
        more: { deny: { caller: ["mallory"] }, allow: { caller: ["monitor", "mallory"] } },
      });
      const app = await start(behind({ limiter, identify: byHeader }));
      const denied = await send(app, { headers: { "x-caller": "mallory" } });
      assert.equal(denied.status, 403);
      assert.deepEqual(
        events.map(({ type }) => type),
        ["refused"],
      );
      assert.deepEqual(limitFields(denied), []);
      assert.equal(denied.headers["retry-after"], undefined);
      assert.equal(denied.headers["x-should-retry"], "false");
      assert.equal(objectIn(denied)["title"], "Forbidden");
      for (let call = 0; call < 3; call += 1) {
        const allowed = await send(app, { headers: { "x-caller": "monitor" } });
        assert.equal(allowed.status, 200);
        assert.deepEqual(limitFields(allowed), []);
      }
      assert.equal((await send(app)).status, 200);
      assert.equal((await send(app)).status, 429);
      assert.deepEqual(await used("alice"), { requests: 1 });
    },
  ),

  appCase("ranges of addresses are denied and allowed by the address itself", async (start) => {
    const lists = {
      deny: { ip: ["2001:db8:0:5601::/64", "192.0.2.0/24"] },
      allow: { ip: ["198.51.100.7"] },
    };
    const { limiter } = desk([{ ...perMinute(1), scope: "ip" }], { more: lists });
    const app = await start(behind({ limiter, clientAddress }));
    const from = async (address: string): Promise<number> =>
      (await send(app, { headers: { "x-from": address } })).status;
    assert.equal(await from("192.0.2.200"), 403);
    assert.equal(await from("::ffff:192.0.2.200"), 403);
    assert.equal(await from("2001:db8:0:5601::9"), 403);
    assert.equal(await from("[2001:db8:0:5601::9]:443"), 403);
    assert.equal(await from(" 2001:db8:0:5601::9"), 403);
    // Of the same /56, which is one subject, but not of the range.
    assert.equal(await from("2001:db8:0:5602::9"), 200);
    assert.equal(await from("2001:db8:0:5603::9"), 429);
    for (let call = 0; call < 3; call += 1) assert.equal(await from("198.51.100.7"), 200);
  }),

  appCase(
    "an address that the application names goes before that of the connection",
    async (start) => {
      const { limiter } = desk([{ ...perMinute(1), scope: "ip" }], {
        more: { allow: { ip: ["127.0.0.0/8", "::1"] } },
      });
      const app = await start(behind({ limiter, identify: byAddress }));
      const from = async (ip: string): Promise<number> =>
        (await send(app, { headers: { "x-from": ip } })).status;
      assert.equal(await from("198.51.100.9"), 200);
      assert.equal(await from("198.51.100.9"), 429);
      for (let call = 0; call < 3; call += 1) assert.equal(await from("127.0.0.2"), 200);
    },
  ),

  appCase("a countWhen that throws counts the request, and leaves nothing open", async (start) => {
    const one = desk([slots(1), perMinute(5)]);
    const { limiter, told, used, store } = one;
    const app = await start(behind({ limiter, identify: byHeader, countWhen: brokenCallback }));
    const warnings = await warningsOf(async () => {
      assert.equal((await send(app)).status, 200);
      await told("settled");
    });
    assert.equal(warnings.length, 1);
    assert.deepEqual(await used("alice"), { slots: 0, requests: 1 });
    assert.equal(store.stats().openReservations, 0);
  }),

  appCase("each tenant meets the limits of its tier, and is shown no other", async (start) => {
    const { limiter } = desk(({ tenant }) => {
      if (tenant === "small") return scoped(tiers.developer);
      if (tenant === "late") return { limits: scoped(tiers.pro), suspended: true };
      return tenant === "large" ? scoped(tiers.pro) : undefined;
    });
    const app = await start(behind({ limiter, identify: tenantOf, cost: oneToken }));
    const by = async (tenant: string) => send(app, { headers: { "x-caller": tenant } });
    const statuses = [];
    for (let call = 0; call < 11; call += 1) statuses.push((await by("small")).status);
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 429]);
    const large = await by("large");
    assert.equal(large.status, 200);
    assert.equal(
      large.headers["ratelimit-policy"],
      '"token-per-day-tenant";q=100000;qu="tokens";w=86400, "count-per-minute-tenant";q=60;w=60',
    );
    for (const barred of ["late", "nobody"]) {
      const refused = await by(barred);
      assert.equal(refused.status, 429, barred);
      assert.equal(refused.headers["retry-after"], undefined, barred);
      assert.equal(refused.headers["x-should-retry"], "false", barred);
    }
  }),

  appCase(
    "limits that cannot be looked up are an outage, and nonsense is a bug; neither admits",
    async (start) => {
      let answer: readonly LimitInput[] | Error = new Error("the database is away");
      const limits = (): readonly LimitInput[] => {
        if (answer instanceof Error) throw answer;
        return answer;
      };
      const { limiter, events } = desk(limits, { more: { lookup: { ttlMs: 0 } } });
      const app = await start(behind({ limiter, identify: byHeader }));
      const down = await send(app);
      assert.equal(down.status, 503);
      assert.equal(down.headers["retry-after"], "5");
      assert.ok(events.some(({ type }) => type === "lookupFailure"));
      answer = [{ type: "count", window: "minute", limit: Number.NaN }];
      limiter.forgetLimits();
      assert.equal((await send(app)).status, 500);
      answer = [perMinute(1)];
      limiter.forgetLimits();
      assert.equal((await send(app)).status, 200);
    },
  ),

  appCase(
    "D-SHA-01 a shadow limit refuses nothing, and is shown only where that is asked for",
    async (start) => {
      const trial = { ...perMinute(1), name: "trial", shadow: true } as const;
      for (const advertise of [false, true]) {
        const { limiter, events } = desk([perMinute(3), { ...trial, advertise }]);
        const app = await start(behind({ limiter, identify: byHeader }));
        const statuses = [];
        let policy = "";
        for (let call = 0; call < 4; call += 1) {
          const answer = await send(app);
          statuses.push(answer.status);
          policy = String(answer.headers["ratelimit-policy"]);
          if (answer.status === 429) {
            assert.deepEqual(objectIn(answer)["violated-policies"], ["requests"]);
          }
        }
        assert.deepEqual(statuses, [200, 200, 200, 429]);
        assert.equal(policy.includes("trial"), advertise);
        assert.equal(events.filter(({ type }) => type === "shadowRefused").length, 3);
      }
    },
  ),

  appCase("a blocked caller is refused for as long as the block lasts", async (start) => {
    const { limiter, clock } = desk([perMinute(100)]);
    const app = await start(behind({ limiter, identify: byHeader }));
    await limiter.block("alice", { durationMs: 90_000 });
    const refused = await send(app);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers["retry-after"], "90");
    assert.equal(refused.headers["x-should-retry"], "false");
    assert.match(String(objectIn(refused)["detail"]), /blocked for another 90 s/);
    clock.advance(90_000);
    assert.equal((await send(app)).status, 200);
  }),

  appCase("other limits take effect at once, on the usage there is", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(behind({ limiter, identify: byHeader }));
    assert.equal((await send(app)).status, 200);
    assert.equal((await send(app)).status, 429);
    limiter.reconfigure({ limits: [perMinute(3)] });
    const answer = await send(app);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["ratelimit-policy"], '"requests";q=3;w=60');
    assert.equal(answer.headers["x-ratelimit-remaining"], "1");
  }),
];
