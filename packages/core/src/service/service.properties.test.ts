import { expect, test } from "@jest/globals";
import fc from "fast-check";

import type { Cost } from "../cost.ts";
import { parameters } from "../property.test-support.ts";
import { agentHooks } from "./agent-hooks.ts";
import { guard } from "./guard.ts";
import { reasonOf, serviceStage } from "./service.test-support.ts";

const tokens = fc.integer({ min: 0, max: 1000 });
const roomy = [
  { type: "count", window: "day", limit: 1_000_000 },
  { type: "token", window: "day", limit: 1_000_000_000 },
] as const;

const itself = (cost: Cost | undefined): Cost | undefined => cost;

const sumOf = (amounts: readonly number[]): number => amounts.reduce((sum, n) => sum + n, 0);

test("D-RES-12 turns count once each and cost the sum of what they were told, in any interleaving", async () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), tokens), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(steps, async (told) => {
      const { limiter, used } = serviceStage(roomy);
      const hooks = agentHooks(limiter, { subject: "ann", cost: { token: 500 } });
      const turns = new Map<string, number[]>();
      for (const [turn, token] of told) {
        const turnId = `t-${String(turn)}`;
        await hooks.onBeforeMessage("", { turnId });
        await hooks.onUsage({ turnId }, { token });
        turns.set(turnId, [...(turns.get(turnId) ?? []), token]);
      }
      await Promise.all([...turns.keys()].map(async (turnId) => hooks.onAfterTurn({ turnId })));
      const spent = sumOf([...turns.values()].flat());
      expect(used()).toEqual({ count: [turns.size, 0], token: [spent, 0] });
      limiter.close();
    }),
    parameters(100),
  );
});

test("guarded calls that run at one time are charged what each of them comes to, and hold nothing", async () => {
  const call = fc.record({
    held: tokens,
    told: fc.option(tokens, { nil: undefined }),
    fails: fc.boolean(),
    onError: fc.constantFrom("keep" as const, "release" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
      const { limiter, used } = serviceStage(roomy);
      const ran = calls.map(async ({ held, told, fails, onError }) => {
        const run = async (): Promise<Cost | undefined> => {
          if (fails) throw new Error("upstream");
          return told === undefined ? undefined : { token: told };
        };
        const options = { subject: "ann", cost: { token: held }, settle: itself, onError };
        return reasonOf(guard(limiter, run, options)());
      });
      await Promise.all(ran);
      const charged = calls.filter(({ fails, onError }) => !fails || onError === "keep");
      const spent = sumOf(charged.map(({ held, told, fails }) => (fails ? held : (told ?? held))));
      expect(used()).toEqual({ count: [charged.length, 0], token: [spent, 0] });
      limiter.close();
    }),
    parameters(100),
  );
});
