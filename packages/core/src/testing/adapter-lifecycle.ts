import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:http";
import type { Socket } from "node:net";

import type { TollgateHandle } from "../http/handle.ts";
import type { CostContext } from "../http/options.ts";
import type { MemoryStore } from "../memory-store.ts";
import type { Store } from "../store.ts";
import type { AdapterCase, Handler, RunningApp } from "./adapter-app.ts";
import {
  asBytes,
  objectIn,
  open,
  openSocket,
  readAnswers,
  send,
  sendAndLeave,
} from "./adapter-client.ts";
import {
  appCase,
  assertEndedOnce,
  behind,
  byHeader,
  type Desk,
  desk,
  home,
  hundredTokens,
  limitFields,
  ok,
  perMinute,
  signal,
  withTokens,
} from "./adapter-stage.ts";

/** Holds 100 of 1000 tokens for every request. */
const metered = ({ limiter }: Desk) => ({ limiter, identify: byHeader, cost: hundredTokens });

/** The same store, answering later; `before` may make it wait. */
const later =
  (before: () => Promise<void> = async () => Promise.resolve()) =>
  (store: MemoryStore): Store => ({
    ...store,
    synchronous: false,
    apply: async (batch) => {
      await before();
      return store.apply(batch);
    },
    settle: async (settlement) => Promise.resolve(store.settle(settlement)),
  });

/** The next connection the server accepts. */
async function connectionOf({ server }: RunningApp): Promise<Socket> {
  return new Promise((resolve) => {
    server.once("connection", resolve);
  });
}

/** A handler that tells when it runs, and answers when it is let. */
function waiting(): { started: Promise<void>; answer: () => void; handler: Handler } {
  const [begun, gate] = [signal(), signal()];
  const handler: Handler = async () => {
    begun.happen();
    await gate.happened;
    return { json: { late: true } };
  };
  return { started: begun.happened, answer: gate.happen, handler };
}

const boom = (): never => {
  throw new Error("boom");
};

/** A failing handler's answer is a 500 that keeps the hold and the rate-limit fields. */
const failing = (name: string, handler: Handler): AdapterCase =>
  appCase(`D-RES-09 ${name}: 500 with all fields, and the hold stays charged`, async (start) => {
    const all = desk(withTokens(1000));
    const app = await start(behind(metered(all), home(handler)));
    const answer = await send(app);
    assert.equal(answer.status, 500);
    assert.equal(
      answer.headers["ratelimit-policy"],
      '"requests";q=100;w=60, "tokens";q=1000;qu="tokens";w=3600',
    );
    assert.equal(answer.headers["x-ratelimit-remaining"], "900");
    assert.equal(answer.headers["retry-after"], undefined);
    await all.told("settled");
    assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
    assertEndedOnce(all, 1);
  });

/** From the first byte to the end of the exchange, whoever ends it. */
export const lifecycleCases: readonly AdapterCase[] = [
  appCase("two requests on one kept connection are counted as two", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(behind({ limiter, identify: byHeader }));
    let connections = 0;
    app.server.on("connection", () => {
      connections += 1;
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answers = [await send(app, { agent }), await send(app, { agent })];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 429],
    );
    assert.equal(connections, 1);
    agent.destroy();
  }),

  appCase("pipelined requests are counted exactly, and answered in their order", async (start) => {
    const all = desk([perMinute(3)]);
    const last = signal();
    const app = await start(
      behind(
        { limiter: all.limiter, identify: byHeader },
        {
          path: "/slow",
          handler: async () => {
            await last.happened;
            return { json: { path: "slow" } };
          },
        },
        { path: "/fast", handler: () => ({ json: { path: "fast" } }) },
        {
          path: "/last",
          handler: () => {
            last.happen();
            return { json: { path: "last" } };
          },
        },
      ),
    );
    const socket = await openSocket(app);
    socket.write(asBytes(["/slow", "/fast", "/last", "/fast", "/fast"]));
    const answers = await readAnswers(socket, 5);
    socket.destroy();
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 429, 429],
    );
    assert.deepEqual(
      answers.slice(0, 3).map((answer) => objectIn(answer)["path"]),
      ["slow", "fast", "last"],
    );
    assert.deepEqual(await all.used("alice"), { requests: 3 });
  }),

  appCase(
    "D-STR-07 holds of pipelined requests end when the connection does, each once",
    async (start) => {
      const all = desk(withTokens(1000));
      const first = waiting();
      const second = waiting();
      const app = await start(
        behind(
          metered(all),
          { path: "/first", handler: first.handler },
          { path: "/second", handler: second.handler },
          { path: "/done", handler: ok },
        ),
      );
      const socket = await openSocket(app);
      socket.write(asBytes(["/first", "/second", "/done"]));
      await Promise.all([first.started, second.started]);
      assert.equal(all.store.stats().openReservations, 3);
      const ended = new Promise<void>((resolve) => {
        let settled = 0;
        all.limiter.subscribe(({ type }) => {
          if (type === "settled") settled += 1;
          if (settled === 3) resolve();
        });
      });
      socket.destroy();
      await ended;
      first.answer();
      second.answer();
      await app.close();
      assertEndedOnce(all, 3);
      assert.deepEqual(await all.used("alice"), { requests: 3, tokens: 300 });
    },
  ),

  appCase(
    "an unparsed body reaches the handler whole, and cost knows its declared length",
    async (start) => {
      const all = desk(withTokens(1000));
      const contexts: CostContext[] = [];
      const app = await start({
        ...behind(
          {
            limiter: all.limiter,
            identify: byHeader,
            cost: (_request, context) => {
              contexts.push(context);
              return { token: context.contentLength ?? 7 };
            },
          },
          {
            method: "POST",
            path: "/",
            handler: async ({ incoming }) => {
              const parts: string[] = [];
              for await (const part of incoming) parts.push(String(part));
              return { json: { got: parts.join("") } };
            },
          },
        ),
        body: "unread",
      });
      const body = '{"a":"é"}';
      const type = { "content-type": "application/json" };
      const length = { ...type, "content-length": String(Buffer.byteLength(body)) };
      assert.equal(
        objectIn(await send(app, { method: "POST", headers: length, body }))["got"],
        body,
      );
      const chunked = { ...type, "transfer-encoding": "chunked" };
      assert.equal(
        objectIn(await send(app, { method: "POST", headers: chunked, body }))["got"],
        body,
      );
      assert.deepEqual(
        contexts.map(({ body: parsed, contentLength }) => [parsed, contentLength]),
        [
          [undefined, 10],
          [undefined, undefined],
        ],
      );
      assert.equal((await all.used("alice"))["tokens"], 17);
    },
  ),

  appCase("cost sees the body that a parser made, and the subject", async (start) => {
    const all = desk(withTokens(1000));
    const contexts: CostContext[] = [];
    const app = await start(
      behind(
        {
          limiter: all.limiter,
          identify: byHeader,
          cost: async (_request, context) => {
            contexts.push(context);
            const { tokens }: { tokens?: unknown } = Object(context.body);
            return Promise.resolve({ token: Number(tokens) });
          },
        },
        { method: "POST", path: "/", handler: ({ body }) => ({ json: { body } }) },
      ),
    );
    const answer = await send(app, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"tokens":42}',
    });
    assert.deepEqual(objectIn(answer), { body: { tokens: 42 } });
    assert.equal(contexts[0]?.subject["caller"], "alice");
    assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 42 });
  }),

  appCase(
    "D-STR-07 a client that leaves before the answer is charged what was held, once",
    async (start) => {
      const all = desk(withTokens(1000));
      const { started, answer, handler } = waiting();
      const app = await start(behind(metered(all), home(handler)));
      const leave = sendAndLeave(app);
      await started;
      leave();
      await all.told("settled");
      answer();
      await app.close();
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
    },
  ),

  appCase(
    "D-STR-07 a client that leaves in the middle of a stream is charged what was held, once",
    async (start) => {
      const all = desk(withTokens(1000));
      const gate = signal();
      async function* chunks() {
        yield "one";
        await gate.happened;
        yield "two";
      }
      const app = await start(
        behind(
          metered(all),
          home(() => ({ chunks: chunks() })),
        ),
      );
      const { read, abort } = await open(app);
      assert.equal(await read(), "one");
      assert.equal(all.store.stats().openReservations, 1);
      abort();
      await all.told("settled");
      gate.happen();
      await app.close();
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
    },
  ),

  appCase(
    "D-STR-07 nobody handles the request of a client that left while the store was asked; its hold goes back",
    async (start) => {
      const [asked, gate] = [signal(), signal()];
      const all = desk(withTokens(1000), {
        wrap: later(async () => {
          asked.happen();
          await gate.happened;
        }),
      });
      let ran = false;
      const app = await start(
        behind(
          metered(all),
          home(() => {
            ran = true;
            return { json: {} };
          }),
        ),
      );
      const connection = connectionOf(app);
      const leave = sendAndLeave(app);
      await asked.happened;
      const closed = once(await connection, "close");
      leave();
      await closed;
      gate.happen();
      await all.told("settled");
      await app.close();
      assert.equal(ran, false);
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 0 });
    },
  ),

  appCase(
    "D-STR-07 what an earlier limiter holds goes back as well when the client leaves a later one",
    async (start) => {
      const [asked, gate] = [signal(), signal()];
      const first = desk(withTokens(1000));
      const second = desk([perMinute(100)], {
        name: "second",
        wrap: later(async () => {
          asked.happen();
          await gate.happened;
        }),
      });
      const app = await start({
        layers: [
          { options: metered(first) },
          { options: { limiter: second.limiter, identify: byHeader } },
        ],
        routes: [home(boom)],
      });
      const connection = connectionOf(app);
      const leave = sendAndLeave(app);
      await asked.happened;
      const closed = once(await connection, "close");
      leave();
      await closed;
      gate.happen();
      await first.told("settled");
      await app.close();
      assertEndedOnce(first, 1);
      assert.deepEqual(await first.used("alice"), { requests: 1, tokens: 0 });
    },
  ),

  appCase(
    "a store that answers later is awaited: exact counts, fields and settlement",
    async (start) => {
      const all = desk(withTokens(1000, 2), { wrap: later() });
      const app = await start(behind(metered(all)));
      const answers = await Promise.all([send(app), send(app), send(app)]);
      assert.deepEqual(answers.map(({ status }) => String(status)).toSorted(), [
        "200",
        "200",
        "429",
      ]);
      for (const answer of answers) assert.ok(limitFields(answer).length > 0);
      await app.close();
      assertEndedOnce(all, 2);
      assert.deepEqual(await all.used("alice"), { requests: 2, tokens: 200 });
    },
  ),

  failing("a handler that throws before the first byte", boom),

  failing("a handler whose promise rejects", async () => Promise.reject(new Error("boom"))),

  failing("an error given to the framework", () => ({ error: new Error("boom") })),

  failing("an error with headers of its own", () => {
    throw Object.assign(new Error("boom"), { headers: { "X-Own": "1" } });
  }),

  appCase(
    "D-RES-09 a stream that fails after the first byte is cut, and its hold stays charged",
    async (start) => {
      const all = desk(withTokens(1000));
      const read1 = signal();
      async function* chunks() {
        yield "one";
        await read1.happened;
        throw new Error("boom");
      }
      const app = await start(
        behind(
          metered(all),
          home(() => ({ chunks: chunks() })),
        ),
      );
      const { status, headers, read } = await open(app);
      assert.equal(status, 200);
      assert.equal(headers["x-ratelimit-remaining"], "900");
      assert.equal(await read(), "one");
      read1.happen();
      await assert.rejects(read, { code: "ECONNRESET" });
      await all.told("settled");
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
    },
  ),

  appCase(
    "D-STR-05 a stream passes chunk by chunk, unchanged, and settles on its way",
    async (start) => {
      const all = desk(withTokens(1000));
      const received = signal();
      const chunk1 = "data: é1\n\n";
      const chunk2 = "data: [DONE]\n\n";
      async function* chunks(tollgate: TollgateHandle) {
        yield chunk1;
        await received.happened;
        await tollgate.settle({ token: 30 });
        yield chunk2;
      }
      const app = await start(
        behind(
          metered(all),
          home(({ tollgate }) => ({ chunks: chunks(tollgate) })),
        ),
      );
      const { headers, read } = await open(app);
      // Headers leave before the stream does: they tell what is held.
      assert.equal(headers["x-ratelimit-remaining"], "900");
      assert.equal(await read(), chunk1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
      received.happen();
      assert.equal(await read(), chunk2);
      assert.equal(await read(), undefined);
      await app.close();
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 30 });
    },
  ),

  appCase(
    "D-RES-09 a request that no route answers gets its tokens back, but has been counted",
    async (start) => {
      const all = desk(withTokens(1000));
      const app = await start(behind(metered(all)));
      const answer = await send(app, { path: "/nowhere" });
      assert.equal(answer.status, 404);
      assert.equal(answer.headers["x-ratelimit-remaining"], "900");
      await all.told("settled");
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 0 });
    },
  ),

  appCase("a handler that answers 404 has run: its hold stays charged", async (start) => {
    const all = desk(withTokens(1000));
    const app = await start(
      behind(
        metered(all),
        home(() => ({ json: { missing: true }, status: 404 })),
      ),
    );
    assert.equal((await send(app)).status, 404);
    await all.told("settled");
    assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
  }),

  appCase("the first settlement counts, and settling again does nothing", async (start) => {
    const all = desk(withTokens(1000));
    const app = await start(
      behind(
        metered(all),
        home(async ({ tollgate }) => {
          await tollgate.settle({ token: 40 });
          await Promise.all([tollgate.settle({ token: 900 }), tollgate.settle({ count: 0 })]);
          return { json: await tollgate.usage() };
        }),
      ),
    );
    await send(app);
    await app.close();
    assertEndedOnce(all, 1);
    assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 40 });
  }),

  appCase(
    "a settlement that cannot be booked is an error and leaves the hold as it is",
    async (start) => {
      const all = desk(withTokens(1000));
      const app = await start(
        behind(
          metered(all),
          home(async ({ tollgate }) => {
            await assert.rejects(async () => tollgate.settle({ tokens: 5 }), {
              code: "INVALID_COST",
            });
            await tollgate.settle({ token: 5 });
            return { json: {} };
          }),
        ),
      );
      assert.equal((await send(app)).status, 200);
      await app.close();
      assertEndedOnce(all, 1);
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 5 });
    },
  ),

  appCase("a settlement after the answer does nothing any more", async (start) => {
    const all = desk(withTokens(1000));
    const handles: TollgateHandle[] = [];
    const app = await start(
      behind(
        metered(all),
        home(({ tollgate }) => {
          handles.push(tollgate);
          return { json: {} };
        }),
      ),
    );
    await send(app);
    await all.told("settled");
    await handles[0]?.settle({ token: 1 });
    assertEndedOnce(all, 1);
    assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
  }),

  appCase(
    "D-RES-13 a foreign reservation id in the request changes nothing but the own hold",
    async (start) => {
      const all = desk(withTokens(1000));
      const { started, answer, handler } = waiting();
      const app = await start(
        behind(
          metered(all),
          { path: "/long", handler },
          {
            method: "POST",
            path: "/settle",
            handler: async ({ tollgate }) => {
              await tollgate.settle({ token: 1 });
              return { json: {} };
            },
          },
        ),
      );
      const leave = sendAndLeave(app, { path: "/long", headers: { "x-caller": "bob" } });
      await started;
      const admitted = await all.told("admitted");
      assert.ok(admitted.type === "admitted");
      const id = String(admitted.decision.reservation?.id);
      await send(app, {
        method: "POST",
        path: "/settle",
        headers: {
          "content-type": "application/json",
          "x-reservation": id,
          "x-tollgate-reservation": id,
        },
        body: JSON.stringify({ id, reservation: { id }, tollgate: { reservationId: id } }),
      });
      assert.deepEqual(await all.used("bob"), { requests: 1, tokens: 100 });
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 1 });
      assert.equal(all.store.stats().openReservations, 1);
      answer();
      leave();
    },
  ),

  appCase(
    "D-RES-14 a settlement from outside the request's async context finds the right hold",
    async (start) => {
      const all = desk(withTokens(1000));
      const queue: (() => Promise<void>)[] = [];
      const queued = signal();
      const app = await start(
        behind(
          metered(all),
          home(async ({ tollgate, incoming }) => {
            const tokens = Number(incoming.headers["x-tokens"]);
            await new Promise<void>((resolve, reject) => {
              queue.push(async () => tollgate.settle({ token: tokens }).then(resolve, reject));
              if (queue.length === 2) queued.happen();
            });
            return { json: {} };
          }),
        ),
      );
      const answers = Promise.all(
        [
          ["alice", "11"],
          ["bob", "22"],
        ].map(async ([caller = "", tokens = ""]) =>
          send(app, { headers: { "x-caller": caller, "x-tokens": tokens } }),
        ),
      );
      await queued.happened;
      for (const settle of queue.toReversed()) await settle();
      await answers;
      assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 11 });
      assert.deepEqual(await all.used("bob"), { requests: 1, tokens: 22 });
      assertEndedOnce(all, 2);
    },
  ),
];
