import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";

import type { AdapterCase } from "./adapter-app.ts";
import { objectIn, send, sendAndLeave } from "./adapter-client.ts";
import { providerCase } from "./adapter-metering-provider.ts";
import {
  amounts,
  answered,
  answering,
  asking,
  assertCharged,
  framings,
  metered,
  meteredDesk,
  posted,
  theSettlement,
} from "./adapter-metering-stage.ts";
import { appCase, behind, byHeader, desk, perMinute, signal } from "./adapter-stage.ts";

const { JSON: json } = framings;

/** Ways for work to be done outside of a request's async context, made before there is any. */
function outside(): {
  readonly ways: readonly ((work: () => Promise<void>) => void)[];
  readonly stop: () => Promise<void>;
} {
  const emitter = new EventEmitter().on("work", (work: () => Promise<void>) => void work());
  const due: (() => Promise<void>)[] = [];
  const timer = setInterval(() => void due.shift()?.(), 1);
  const queue: (() => Promise<void>)[] = [];
  const stopping = new AbortController();
  const consumer = (async () => {
    while (!stopping.signal.aborted) {
      await queue.shift()?.();
      await setImmediate();
    }
  })();
  return {
    ways: [
      (work) => emitter.emit("work", work),
      (work) => due.push(work),
      (work) => queue.push(work),
    ],
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await consumer;
    },
  };
}

/** Which reservation is settled, where there are several or none is expected. */
export const reservationCases: readonly AdapterCase[] = [
  providerCase(
    "D-RES-12 three calls of a provider under one reservation count once, and none is refused",
    answering(json.contentType, json.parts),
    async (start, provider) => {
      const all = desk(
        [perMinute(1), { type: "token", window: "hour", limit: 100, name: "tokens" }],
        { llm: { outputGuess: { initial: 10 } } },
      );
      const { messages } = { messages: [{ role: "user", content: "Go on." }] };
      const app = await start(
        behind(
          metered(all),
          posted(async ({ tollgate, body, outgoing }) => {
            let token = 0;
            for (let n = 0; n < 3; n += 1) {
              const parts: string[] = [];
              const answer = await provider.ask(body, outgoing);
              for await (const part of answer) parts.push(String(part));
              const { usage } = Object(JSON.parse(parts.join("")));
              token += Number(Object(usage).total_tokens);
            }
            await tollgate.settle({ token });
            return { json: { token } };
          }),
        ),
      );
      const answer = await send(app, asking({ path: json.path, body: { messages } }));
      assert.deepEqual(objectIn(answer), { token: 84 });
      await app.close();
      assert.equal(provider.bodies.length, 3);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 84 });
      await theSettlement(all);
    },
  ),

  appCase(
    "D-RES-13 ids of another's reservation in body, metadata and headers change nothing of it",
    async (start) => {
      const all = meteredDesk();
      const [begun, rest] = [signal(), signal()];
      const app = await start(
        behind(
          metered(all),
          posted(() => answered),
          {
            method: "POST",
            path: "/v1/responses",
            handler: async () => {
              begun.happen();
              await rest.happened;
              return answered;
            },
          },
        ),
      );
      const leave = sendAndLeave(
        app,
        asking({ path: "/v1/responses", body: { input: "Go on." } }, { "x-caller": "bob" }),
      );
      await begun.happened;
      const before = await all.limiter.usage("bob");
      const admitted = await all.told("admitted");
      assert.ok(admitted.type === "admitted");
      const id = String(admitted.decision.reservation?.id);
      const forged = { id, reservation: id, reservationId: id, reservation_id: id };
      await send(
        app,
        asking(
          {
            path: json.path,
            body: { ...json.body, ...forged, tollgate: forged, metadata: forged, user: id },
          },
          {
            "x-reservation": id,
            "x-tollgate-reservation": id,
            "x-request-id": id,
            "idempotency-key": id,
          },
        ),
      );
      await theSettlement(all);
      assert.deepEqual(await all.limiter.usage("bob"), before);
      assert.ok(Number(before[1]?.held) > 0);
      assert.equal(all.store.stats().openReservations, 1);
      const alice = await all.limiter.usage("alice");
      assert.deepEqual(
        alice.map(({ current, held }) => [current, held]),
        [1, 28, 21, 7].map((current) => [current, 0]),
      );
      rest.happen();
      leave();
    },
  ),

  appCase(
    "D-RES-14 emitters, timers and queues outside of the request settle the right holds",
    async (start) => {
      const all = meteredDesk();
      const { ways, stop } = outside();
      const app = await start(
        behind(
          metered(all),
          posted(async ({ tollgate, incoming }) => {
            const way = Number(incoming.headers["x-way"]);
            const charge = { input: 100 * (way + 1), output: way + 1 };
            await new Promise<void>((resolve) => {
              ways[way]?.(async () => tollgate.settle(amounts(charge)).then(resolve));
            });
            return answered;
          }),
        ),
      );
      const callers = ["ann", "ben", "cat"];
      await Promise.all(
        callers.map(async (caller, way) =>
          send(app, asking(json, { "x-caller": caller, "x-way": String(way) })),
        ),
      );
      await stop();
      await app.close();
      for (const [way, caller] of callers.entries()) {
        const usages = await all.limiter.usage(caller);
        assert.deepEqual(
          usages.map(({ current, held }) => [current, held]),
          [1, 101 * (way + 1), 100 * (way + 1), way + 1].map((current) => [current, 0]),
        );
      }
      assert.equal(all.events.filter(({ type }) => type === "settled").length, callers.length);
    },
  ),

  appCase("two limiters that meter other tokens settle once each, in their own", async (start) => {
    const first = desk([perMinute(100), { type: "token", window: "hour", limit: 1000 }]);
    const second = desk([{ type: "inputToken", window: "day", limit: 2000 }], { name: "second" });
    const app = await start({
      layers: [
        { options: { limiter: first.limiter, identify: byHeader } },
        { options: { limiter: second.limiter, identify: byHeader } },
      ],
      routes: [posted(() => answered)],
    });
    assert.equal((await send(app, asking(json))).status, 200);
    await Promise.all([first.told("settled"), second.told("settled")]);
    await app.close();
    for (const [all, cost] of [
      [first, { count: 1, token: 28 }],
      [second, { inputToken: 21 }],
    ] as const) {
      const event = await theSettlement(all);
      assert.deepEqual([event.cost, event.source], [cost, "measured"]);
      assert.equal(all.store.stats().openReservations, 0);
      assert.ok((await all.limiter.usage("alice")).every(({ held }) => held === 0));
    }
  }),

  appCase("HEAD on a route for POST alone gives the tokens back", async (start) => {
    const all = meteredDesk();
    const app = await start(
      behind(
        metered(all),
        posted(() => answered),
      ),
    );
    assert.equal((await send(app, { method: "HEAD", path: json.path })).status, 404);
    await all.told("settled");
    await app.close();
    await assertCharged(all, { input: 0, output: 0, source: "none" });
  }),
];
