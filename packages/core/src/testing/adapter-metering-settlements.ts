import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";

import type { Cost } from "../cost.ts";
import type { TollgateHandle } from "../http/handle.ts";
import type { CutPolicy } from "../llm/policy.ts";
import type { AdapterCase, Handler } from "./adapter-app.ts";
import { open, send } from "./adapter-client.ts";
import {
  amounts,
  answered,
  asking,
  assertCharged,
  type Charge,
  CUT_AFTER,
  estimateOf,
  framings,
  metered,
  meteredDesk,
  posted,
  readThrough,
  reported,
  reportingAnswer,
  theSettlement,
  words,
} from "./adapter-metering-stage.ts";
import { appCase, behind, type Desk, signal } from "./adapter-stage.ts";

const { JSON: json, SSE } = framings;

/** What is held for the question: its input, and the cap of 50. */
const heldFor = (all: Desk): Charge => ({
  input: estimateOf(all, SSE),
  output: 50,
  source: "estimated",
});

const nothing: Charge = { input: 0, output: 0, source: "none" };

/** One question to this handler, and what it was charged when everything is over. */
const chargedFor = (name: string, handler: Handler, charge: Charge): AdapterCase =>
  appCase(name, async (start) => {
    const all = meteredDesk();
    const app = await start(behind(metered(all), posted(handler)));
    assert.equal((await send(app, asking(json))).status, 200);
    await all.told("settled");
    await app.close();
    await assertCharged(all, charge);
  });

const byHand: Charge = { input: 70, output: 7, source: "measured" };

/** A stream that its client leaves, under a policy for that. */
const leaving = (policy: CutPolicy, where: "application" | "route"): AdapterCase =>
  appCase(`llm.onAbort of the ${where}: ${policy}`, async (start) => {
    const all = meteredDesk(
      where === "application" ? { tokenizer: words, onAbort: policy } : { tokenizer: words },
    );
    const rest = signal();
    async function* chunks() {
      yield* SSE.parts.slice(0, CUT_AFTER);
      await rest.happened;
    }
    const override = where === "route" ? { override: { llm: { onAbort: policy } } } : {};
    const app = await start(
      behind(
        metered(all),
        posted(
          () => ({ chunks: chunks(), headers: { "Content-Type": SSE.contentType } }),
          override,
        ),
      ),
    );
    const answer = await open(app, asking(SSE));
    await readThrough(answer, SSE.parts.slice(0, CUT_AFTER).join(""));
    answer.abort();
    await all.told("settled");
    rest.happen();
    await app.close();
    const emitted: Charge = { input: estimateOf(all, SSE), output: 3, source: "counted" };
    await assertCharged(all, { emitted, reserved: heldFor(all), refund: nothing }[policy]);
  });

/** A provider that fails, under a policy for that. */
const failing = (policy: CutPolicy): AdapterCase =>
  appCase(`llm.onFailure: ${policy}`, async (start) => {
    const all = meteredDesk({ onFailure: policy });
    const app = await start(
      behind(
        metered(all),
        posted(() => ({ json: JSON.parse(json.failure), status: 502 })),
      ),
    );
    assert.equal((await send(app, asking(json))).status, 502);
    await all.told("settled");
    await app.close();
    const emitted: Charge = { input: estimateOf(all, json), output: 0, source: "estimated" };
    await assertCharged(all, { emitted, reserved: heldFor(all), refund: nothing }[policy]);
  });

const policies: readonly CutPolicy[] = ["emitted", "reserved", "refund"];

/** Who tells what a call cost, and when. */
export const settlementCases: readonly AdapterCase[] = [
  chargedFor(
    "what the handler settles wins over what is observed",
    async ({ tollgate }) => {
      await tollgate.settle(amounts(byHand));
      return answered;
    },
    byHand,
  ),

  chargedFor(
    "settleUsage takes the provider's own usage",
    async ({ tollgate }) => {
      await tollgate.settleUsage({ prompt_tokens: 70, completion_tokens: 7 });
      return answered;
    },
    byHand,
  ),

  chargedFor(
    "settleUsage takes the answer that holds it",
    async ({ tollgate }) => {
      await tollgate.settleUsage(reportingAnswer);
      return { json: { text: "only a part of it, that reports nothing" } };
    },
    { ...reported, source: "measured" },
  ),

  chargedFor(
    "settleUsage without usage is an error, and observation has the last word",
    async ({ tollgate }) => {
      await assert.rejects(async () => tollgate.settleUsage({ text: "no usage" }), {
        code: "INVALID_COST",
      });
      return answered;
    },
    { ...reported, source: "measured" },
  ),

  appCase("a promised settlement is awaited beyond the end of the answer", async (start) => {
    const all = meteredDesk();
    const known = signal();
    const app = await start(
      behind(
        metered(all),
        posted(({ tollgate }) => {
          void tollgate.settle(known.happened.then(() => amounts(byHand)));
          return answered;
        }),
      ),
    );
    await send(app, asking(json));
    await app.close();
    assert.equal(all.store.stats().openReservations, 1);
    const held = amounts(heldFor(all));
    assert.equal((await all.limiter.usage("alice"))[1]?.held, held["token"]);
    known.happen();
    await all.told("settled");
    await assertCharged(all, byHand);
  }),

  appCase("a promised settlement that fails leaves it to what was observed", async (start) => {
    const all = meteredDesk();
    const known = signal();
    const told: unknown[] = [];
    const app = await start(
      behind(
        metered(all),
        posted(({ tollgate }) => {
          const cost = known.happened.then((): Cost => {
            throw new Error("no usage");
          });
          void tollgate.settle(cost).catch((error: unknown) => told.push(error));
          return answered;
        }),
      ),
    );
    await send(app, asking(json));
    await app.close();
    assert.equal(all.store.stats().openReservations, 1);
    known.happen();
    await all.told("settled");
    await assertCharged(all, { ...reported, source: "measured" });
    await setImmediate();
    assert.match(String(told), /no usage/);
  }),

  appCase("the handle tells what was settled, and how that was known", async (start) => {
    const all = meteredDesk();
    const handles: TollgateHandle[] = [];
    const app = await start(
      behind(
        metered(all),
        posted(({ tollgate }) => {
          handles.push(tollgate);
          return answered;
        }),
      ),
    );
    await send(app, asking(json));
    const settled = await handles[0]?.settled;
    assert.equal(settled?.source, "measured");
    assert.equal(settled?.usage?.output, reported.output);
    assert.deepEqual(settled?.cost, { count: 1, ...amounts(reported) });
  }),

  ...policies.flatMap((policy) => [leaving(policy, "application"), leaving(policy, "route")]),

  ...policies.map(failing),

  appCase(
    "limiter.close() settles a running stream with what was emitted, for good",
    async (start) => {
      const all = meteredDesk({ tokenizer: words });
      const rest = signal();
      async function* chunks() {
        yield* SSE.parts.slice(0, CUT_AFTER);
        await rest.happened;
        yield* SSE.parts.slice(CUT_AFTER);
      }
      const app = await start(
        behind(
          metered(all),
          posted(() => ({ chunks: chunks(), headers: { "Content-Type": SSE.contentType } })),
        ),
      );
      const answer = await open(app, asking(SSE));
      await readThrough(answer, SSE.parts.slice(0, CUT_AFTER).join(""));
      await all.limiter.close();
      const { cost, source } = await theSettlement(all);
      const charge = { input: estimateOf(all, SSE), output: 3 };
      assert.deepEqual({ ...cost, source }, { count: 1, ...amounts(charge), source: "counted" });
      rest.happen();
      await readThrough(answer, SSE.parts.slice(CUT_AFTER).join(""));
      assert.equal(await answer.read(), undefined);
      await app.close();
      await theSettlement(all);
      assert.equal(all.store.stats().openReservations, 0);
    },
  ),
];
