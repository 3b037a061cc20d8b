import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";

import type { AdapterCase, Answer, Handler, RunningApp } from "./adapter-app.ts";
import { open, send, sendAndLeave } from "./adapter-client.ts";
import { type Provider, providerCase, type Script } from "./adapter-metering-provider.ts";
import {
  answering,
  answerOf,
  asking,
  assertCharged,
  type Charge,
  CUT_AFTER,
  estimateOf,
  type Framing,
  framings,
  meteredDesk,
  metered,
  readAll,
  readThrough,
  relay,
  reported,
  sendParts,
  theSettlement,
  words,
} from "./adapter-metering-stage.ts";
import { behind, type Desk } from "./adapter-stage.ts";

type Chunks = Extract<Answer, { readonly chunks: unknown }>["chunks"];

/** What plays in one exchange. */
interface Scene {
  readonly framing: Framing;
  readonly app: RunningApp;
  readonly provider: Provider;
  readonly all: Desk;
}

/** A way for an exchange to end. */
interface End {
  readonly name: string;
  readonly script: (framing: Framing) => Script;
  readonly handler?: (provider: Provider) => Handler;
  /** The client's part; checks the bytes it receives. */
  readonly client: (scene: Scene) => Promise<void>;
  /** `input` unless said: what was reported where it was, else what the request was estimated at. */
  readonly charges: Readonly<Record<Framing["name"], Omit<Charge, "input"> & Partial<Charge>>>;
  /** Instead, where the framework gives the answer's body to the response nevertheless. */
  readonly seen?: Charge;
}

const alike = (
  output: number,
  source: Charge["source"],
  input: Partial<Charge> = {},
): End["charges"] => ({
  JSON: { output, source, ...input },
  SSE: { output, source, ...input },
  NDJSON: { output, source, ...input },
});

const receiveAll =
  (parts: (framing: Framing) => readonly string[], status = 200): End["client"] =>
  async ({ app, framing }) => {
    const answer = await send(app, asking(framing));
    assert.equal(answer.status, status);
    assert.equal(answer.headers["content-type"]?.split(";")[0], framing.contentType);
    assert.equal(answer.body, parts(framing).join(""));
  };

const firstOf = ({ parts }: Framing): readonly string[] => parts.slice(0, CUT_AFTER);

/** Sends what has passed when an answer is cut, and waits to be told how it goes on. */
const begun =
  (goOn: Script = () => undefined) =>
  (framing: Framing): Script =>
  async (to, asked) => {
    to.setHeader("Content-Type", framing.contentType);
    await sendParts(to, firstOf(framing));
    await asked.goesOn;
    await goOn(to, asked);
  };

/** Reads what passes before the cut, and sees the cut. */
const receiveCut: End["client"] = async ({ app, framing, provider }) => {
  const answer = await open(app, asking(framing));
  assert.equal(answer.status, 200);
  await readThrough(answer, firstOf(framing).join(""));
  provider.goOn();
  await assert.rejects(answer.read, { code: "ECONNRESET" });
};

/** Instead of an answer, an error with this status. */
const refusing = (status: number): Pick<End, "script" | "client"> => ({
  script:
    ({ failure }) =>
    (to) => {
      to.writeHead(status, { "Content-Type": "application/json" }).end(failure);
    },
  client: async ({ app, framing }) => {
    const answer = await send(app, asking(framing));
    assert.deepEqual([answer.status, answer.body], [status, framing.failure]);
  },
});

/** An error as it comes when the status has been sent. */
const erring = ({ name, failure, ...framing }: Framing): readonly string[] => {
  if (name === "JSON") return [failure];
  return [
    ...firstOf({ name, failure, ...framing }),
    name === "SSE" ? `data: ${failure}\n\n` : `${failure}\n`,
  ];
};

const PADDING_BYTES = 65_536;
/** What a response may keep for a client that does not read: its high-water mark and a few chunks. */
const MAX_UNREAD_BYTES = 4 * PADDING_BYTES;

/** More than all buffers of a system between two sockets. */
const ENDLESS = 1024;

/** A client that does not read until everything before it is full. */
function slow({ padding, contentType, parts }: Framing): Omit<End, "name" | "charges"> {
  const pad = padding.repeat(PADDING_BYTES / padding.length);
  let sent = 0;
  let unread = 0;
  return {
    script:
      () =>
      async (to, { told }) => {
        to.setHeader("Content-Type", contentType);
        for (sent = 0; !told() && sent < ENDLESS; sent += 1) await sendParts(to, [pad]);
        await sendParts(to, parts);
        to.end();
      },
    handler: (provider) => async (call) => {
      const answer = answerOf(await provider.ask(call.body, call.outgoing));
      return {
        ...answer,
        chunks: watched(answer.chunks, () => {
          unread = Math.max(unread, call.outgoing.writableLength);
        }),
      };
    },
    client: async ({ app, framing, provider }) => {
      unread = 0;
      const answer = await open(app, asking(framing));
      await stalled(() => sent);
      assert.ok(sent < ENDLESS, "nothing holds the provider back");
      provider.goOn();
      const body = await readAll(answer);
      assert.ok(unread > 0 && unread < MAX_UNREAD_BYTES, `${String(unread)} bytes unread`);
      assert.ok(body === pad.repeat(sent) + parts.join(""), "the bytes differ");
    },
  };
}

/** Resolves when the number does not change any more, however often everybody has a turn. */
async function stalled(progress: () => number): Promise<void> {
  let last = -1;
  for (let turns = 0; turns < IDLE_TURNS; turns += 1) {
    await setImmediate();
    if (progress() !== last) turns = 0;
    last = progress();
  }
}

const IDLE_TURNS = 500;

async function* watched(chunks: Chunks, look: () => void): AsyncGenerator<string | Uint8Array> {
  for await (const part of chunks) {
    look();
    yield part;
  }
}

/** Words of the whole answer, and of what was sent of a cut one. */
const WHOLE = 4;
const CUT = 3;

/** What every question allows, which is what is held. */
const HELD = 50;

// Half a JSON text cannot be read, so what was held for it stands.
const cutShort: End["charges"] = {
  ...alike(CUT, "counted"),
  JSON: { output: HELD, source: "estimated" },
};

const endsOf = (framing: Framing): readonly End[] => [
  {
    name: "sent whole, with usage",
    script: ({ contentType, parts }) => answering(contentType, parts),
    client: receiveAll(({ parts }) => parts),
    charges: alike(reported.output, "measured"),
  },
  {
    name: "sent whole, without usage",
    script: ({ contentType, bare }) => answering(contentType, bare),
    client: receiveAll(({ bare }) => bare),
    charges: alike(WHOLE, "counted"),
  },
  {
    name: "D-STR-02 the client leaves before the first byte",
    script:
      () =>
      async (_to, { goesOn }) =>
        goesOn,
    client: async ({ app, framing, provider }) => {
      const leave = sendAndLeave(app, asking(framing));
      await provider.asked;
      leave();
      await provider.left;
    },
    charges: alike(0, "estimated"),
  },
  {
    name: "D-STR-01 the client leaves in the middle, before the usage",
    script: begun(),
    client: async ({ app, framing, provider }) => {
      const answer = await open(app, asking(framing));
      await readThrough(answer, firstOf(framing).join(""));
      answer.abort();
      await provider.left;
    },
    charges: cutShort,
  },
  {
    name: "D-RES-09 the handler throws before the first byte",
    script: ({ contentType, parts }) => answering(contentType, parts),
    handler:
      (provider) =>
      async ({ body, outgoing }) => {
        await provider.ask(body, outgoing);
        throw new Error("boom");
      },
    client: async ({ app, framing }) => {
      assert.equal((await send(app, asking(framing))).status, 500);
    },
    charges: alike(0, "estimated"),
  },
  {
    name: "D-RES-09 the handler throws after the first byte",
    script: begun((to) => {
      to.end();
    }),
    handler:
      (provider) =>
      async ({ body, outgoing }) => {
        const answer = answerOf(await provider.ask(body, outgoing));
        return { ...answer, chunks: spoilt(answer.chunks) };
      },
    client: receiveCut,
    charges: cutShort,
  },
  {
    name: "D-RES-09 the provider answers 500",
    ...refusing(500),
    charges: alike(0, "estimated"),
  },
  {
    name: "D-RES-09 the provider answers 400",
    ...refusing(400),
    charges: alike(0, "none", { input: 0 }),
  },
  {
    name: "D-LLM-08 the provider fails after the status 200",
    script: (framing) => answering(framing.contentType, erring(framing)),
    client: receiveAll(erring),
    charges: { ...alike(CUT, "counted"), JSON: { output: 0, source: "counted" } },
  },
  {
    name: "the provider resets the connection",
    script: begun((to) => {
      to.destroy();
    }),
    client: receiveCut,
    charges: cutShort,
  },
  {
    name: "D-STR-04 a client that reads late",
    ...slow(framing),
    charges: alike(reported.output, "measured"),
  },
  {
    name: "HEAD",
    script: ({ contentType, parts }) => answering(contentType, parts),
    client: async ({ app, framing: { path } }) => {
      const answer = await send(app, { method: "HEAD", path });
      assert.deepEqual([answer.status, answer.body], [200, ""]);
    },
    // Nothing was asked in a body; what frameworks let pass of the answer is charged as ever.
    charges: alike(0, "estimated", { input: 0 }),
    seen: { ...reported, source: "measured" },
  },
];

async function* spoilt(chunks: Chunks): AsyncGenerator<string | Uint8Array> {
  yield* chunks;
  throw new Error("boom");
}

const caseOf = (framing: Framing, { name, script, handler = relay, client, charges, seen }: End) =>
  providerCase(`${framing.name}, ${name}`, script(framing), async (start, provider) => {
    const all = meteredDesk({ tokenizer: words });
    const app = await start(
      behind(
        metered(all),
        { method: "POST", path: framing.path, handler: handler(provider) },
        { method: "GET", path: framing.path, handler: handler(provider) },
      ),
    );
    await client({ framing, app, provider, all });
    await all.told("settled");
    // Whatever else would settle has had its time when the server has ended.
    await app.close();
    const charge = charges[framing.name];
    const input = charge.source === "measured" ? reported.input : estimateOf(all, framing);
    const { source } = await theSettlement(all);
    const passed = seen !== undefined && source === seen.source;
    await assertCharged(all, passed ? seen : { input, ...charge });
  });

/** Every framing, and every way for an exchange to end. */
export const meteringCases: readonly AdapterCase[] = Object.values(framings).flatMap((framing) =>
  endsOf(framing).map((end) => caseOf(framing, end)),
);
