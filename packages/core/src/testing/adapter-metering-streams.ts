import assert from "node:assert/strict";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";

import type { TollgateHandle } from "../http/handle.ts";
import type { AdapterCase, MakeApp } from "./adapter-app.ts";
import { type Incoming, open, send, sendAndLeave } from "./adapter-client.ts";
import {
  asking,
  assertCharged,
  CUT_AFTER,
  estimateOf,
  framings,
  metered,
  meteredDesk,
  readAll,
  readThrough,
  reported,
  theSettlement,
  words,
} from "./adapter-metering-stage.ts";
import { appCase, behind, type Desk, desk, perMinute, signal } from "./adapter-stage.ts";

const { SSE } = framings;
const eventStream = { "Content-Type": SSE.contentType };

/** Words of an answer that was cut. */
const CUT_WORDS = 3;

/** What may happen to a stream that runs. */
const signals = ["settle", "leave", "fail", "close"] as const;
type Signal = (typeof signals)[number];

const orders = (rest: readonly Signal[]): readonly (readonly Signal[])[] =>
  rest.length === 0
    ? [[]]
    : rest.flatMap((first) =>
        orders(rest.filter((other) => other !== first)).map((others) => [first, ...others]),
      );

const byHand = { token: 77, inputToken: 70, outputToken: 7 };

/** A stream that has begun, and what can happen to it. */
async function running(
  start: MakeApp,
  all: Desk,
): Promise<Readonly<Record<Signal, () => Promise<void>>> & { readonly stop: () => Promise<void> }> {
  const failed = signal();
  const handles: TollgateHandle[] = [];
  async function* chunks() {
    yield* SSE.parts.slice(0, CUT_AFTER);
    await failed.happened;
    throw new Error("boom");
  }
  const app = await start(
    behind(metered(all), {
      method: "POST",
      path: SSE.path,
      handler: ({ tollgate }) => {
        handles.push(tollgate);
        return { chunks: chunks(), headers: eventStream };
      },
    }),
  );
  const answer = await open(app, asking(SSE));
  await readThrough(answer, SSE.parts.slice(0, CUT_AFTER).join(""));
  return {
    settle: async () => handles[0]?.settle(byHand),
    leave: async () => {
      answer.abort();
    },
    fail: async () => {
      failed.happen();
      // Where nobody left, the client sees it.
      await readAll(answer).catch(() => undefined);
    },
    close: async () => all.limiter.close(),
    stop: async () => {
      failed.happen();
      await app.close();
    },
  };
}

const event = (type: string, value: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;

async function readEvents({ read }: Incoming, count: number): Promise<void> {
  let text = "";
  while (text.split("\n\n").length <= count) text += (await read()) ?? assert.fail("ended early");
}

/** From the first chunk of a stream to its end, or to the one somebody puts to it. */
export const streamCases: readonly AdapterCase[] = [
  appCase("D-STR-03 an answer is charged alike however it is sent and cut", async (start) => {
    for (const { path, contentType, body, parts } of Object.values(framings)) {
      for (const cut of [parts, [parts.join("")], parts.join("").split("")]) {
        const all = meteredDesk();
        const app = await start(
          behind(metered(all), {
            method: "POST",
            path,
            handler: () => ({ chunks: from(cut), headers: { "Content-Type": contentType } }),
          }),
        );
        const answer = await send(app, asking({ path, body }));
        assert.equal(answer.body, parts.join(""));
        await all.told("settled");
        await app.close();
        await assertCharged(all, { ...reported, source: "measured" });
      }
    }
  }),

  appCase(
    "D-STR-01 output that was reported at the beginning is not all of it, when the client leaves",
    async (start) => {
      const all = meteredDesk({ tokenizer: words });
      const rest = signal();
      const usage = { input_tokens: reported.input, output_tokens: 1 };
      const text = { type: "text_delta", text: "Hello, whole wide" };
      const parts = [
        event("message_start", { message: { role: "assistant", model: "claude", usage } }),
        event("content_block_delta", { index: 0, delta: text }),
      ];
      async function* chunks() {
        yield* parts;
        await rest.happened;
      }
      const path = "/v1/messages";
      const app = await start(
        behind(metered(all), {
          method: "POST",
          path,
          handler: () => ({ chunks: chunks(), headers: eventStream }),
        }),
      );
      const { messages } = framings.JSON.body;
      const body = { model: "claude", messages, max_tokens: 50, stream: true };
      const answer = await open(app, asking({ path, body }));
      await readThrough(answer, parts.join(""));
      answer.abort();
      await all.told("settled");
      rest.happen();
      await app.close();
      await assertCharged(all, { input: reported.input, output: CUT_WORDS, source: "counted" });
    },
  ),

  appCase(
    "D-STR-04 a source of 2000 chunks ends a few chunks after the client has left",
    async (start) => {
      const all = meteredDesk({ tokenizer: words });
      const ended = signal();
      const [CHUNKS, READ, FEW] = [2000, 27, 20];
      let produced = 0;
      async function* source() {
        try {
          for (; produced < CHUNKS; produced += 1) {
            yield `data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n`;
            // A model needs longer than a network for a chunk.
            for (let turn = 0; turn < 3; turn += 1) await setImmediate();
          }
        } finally {
          ended.happen();
        }
      }
      const app = await start(
        behind(metered(all), {
          method: "POST",
          path: SSE.path,
          handler: () => ({ chunks: source(), headers: eventStream }),
        }),
      );
      const answer = await open(app, asking(SSE));
      await readEvents(answer, READ);
      answer.abort();
      await ended.happened;
      assert.ok(produced <= READ + FEW, `${String(produced)} chunks for ${String(READ)} read`);
      const { cost, source: told } = await theSettlement(all);
      assert.equal(told, "counted");
      const output = Number(cost["outputToken"]);
      assert.ok(output >= READ && output <= produced + 1, `${String(output)} words charged`);
      assert.equal(cost["inputToken"], estimateOf(all, SSE));
    },
  ),

  appCase(
    "D-STR-05 each chunk is received before the next is written, and the bytes are those written",
    async (start) => {
      for (const layers of [[], [{ options: metered(meteredDesk()) }]]) {
        const received = SSE.parts.map(signal);
        const written: number[] = [];
        async function* chunks() {
          for (const [n, part] of SSE.parts.entries()) {
            written.push(n);
            yield part;
            await received[n]?.happened;
          }
        }
        const app = await start({
          layers,
          routes: [
            {
              method: "POST",
              path: SSE.path,
              handler: () => ({ chunks: chunks(), headers: eventStream }),
            },
          ],
        });
        const answer = await open(app, asking(SSE));
        for (const [n, part] of SSE.parts.entries()) {
          await readThrough(answer, part);
          assert.equal(written.length, n + 1);
          received[n]?.happen();
        }
        assert.equal(await answer.read(), undefined);
      }
    },
  ),

  appCase(
    "D-STR-06 an answer of 300 with 100 left arrives whole, and leaves debt",
    async (start) => {
      const all = desk(
        [perMinute(100), { type: "token", window: "hour", limit: 1000, name: "tokens" }],
        { llm: { tokenizer: words, outputGuess: { initial: 20 } } },
      );
      await all.limiter.record("alice", { token: 900 });
      const path = "/v1/chat/completions";
      const text = `data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n`.repeat(300);
      const app = await start(
        behind(metered(all), {
          method: "POST",
          path,
          handler: () => ({ chunks: from([text, "data: [DONE]\n\n"]), headers: eventStream }),
        }),
      );
      const body = { messages: [{ role: "user", content: "Go on." }], stream: true };
      const answer = await send(app, asking({ path, body }));
      assert.equal(answer.status, 200);
      assert.equal(answer.body, `${text}data: [DONE]\n\n`);
      const { cost } = await theSettlement(all);
      const input = estimateOf(all, { path, body });
      assert.deepEqual(cost, { count: 1, token: input + 300 });
      const tokens = (await all.limiter.usage("alice")).find(({ type }) => type === "token");
      assert.deepEqual([tokens?.debt, tokens?.remaining, tokens?.held], [200 + input, 0, 0]);
      assert.equal((await send(app, asking({ path, body }))).status, 429);
    },
  ),

  ...orders(signals).map((order) =>
    appCase(
      `D-STR-07 ${order.join(", ")}: the first decides, and the others find nothing`,
      async (start) => {
        const all = meteredDesk({ tokenizer: words });
        const stream = await running(start, all);
        const [first = "settle", ...others] = order;
        await stream[first]();
        const { cost, source } = await theSettlement(all);
        for (const other of others) await stream[other]();
        await stream.stop();
        const input = estimateOf(all, SSE);
        const [amounts, told] =
          first === "settle"
            ? [byHand, "measured"]
            : [{ token: input + CUT_WORDS, inputToken: input, outputToken: CUT_WORDS }, "counted"];
        assert.deepEqual({ ...cost, source }, { count: 1, ...amounts, source: told });
        await theSettlement(all);
        assert.equal(all.store.stats().openReservations, 0);
      },
    ),
  ),

  appCase("D-STR-07 all of them at once, in any order: one settlement", async (start) => {
    for (const order of orders(signals)) {
      const all = meteredDesk({ tokenizer: words });
      const stream = await running(start, all);
      await Promise.all(order.map(async (each) => stream[each]()));
      await theSettlement(all);
      await stream.stop();
      await theSettlement(all);
      assert.equal(all.store.stats().openReservations, 0);
    }
  }),

  appCase(
    "D-STR-07 a client that leaves while the store is asked is charged no tokens, and nobody answers it",
    async (start) => {
      const [asked, gate] = [signal(), signal()];
      const all = desk([perMinute(100), { type: "token", window: "hour", limit: 1000 }], {
        wrap: (store) => ({
          ...store,
          synchronous: false,
          apply: async (batch) => {
            asked.happen();
            await gate.happened;
            return store.apply(batch);
          },
          settle: async (settlement) => Promise.resolve(store.settle(settlement)),
        }),
      });
      let ran = false;
      const app = await start(
        behind(metered(all), {
          method: "POST",
          path: SSE.path,
          handler: () => {
            ran = true;
            return { json: {} };
          },
        }),
      );
      const connected = once(app.server, "connection");
      const leave = sendAndLeave(app, asking(SSE));
      await asked.happened;
      const [socket] = await connected;
      const closed = once(socket, "close");
      leave();
      await closed;
      gate.happen();
      await all.told("settled");
      await app.close();
      const { cost, source } = await theSettlement(all);
      assert.equal(ran, false);
      assert.deepEqual({ ...cost, source }, { count: 1, token: 0, source: "none" });
      assert.equal(all.store.stats().openReservations, 0);
    },
  ),
];

async function* from(parts: Iterable<string>): AsyncGenerator<string> {
  yield* parts;
}
