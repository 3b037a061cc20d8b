/**
 * A limit is tried out before it refuses anybody: whom it would have refused is counted from events.
 *
 *     pnpm example examples/shadow.ts
 */
import { createLimiter, type LimitInput, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

const inForce: LimitInput = { type: "count", window: "minute", limit: 100, scope: "user" };
// Its name keeps its usage when it is enforced later.
const planned: LimitInput = {
  type: "count",
  window: "minute",
  limit: 5,
  scope: "user",
  name: "planned",
};

/** What everybody does in a minute. */
const traffic = [
  ["ann", 4],
  ["bob", 12],
  ["cid", 6],
] as const;

/** @param say told each line */
export function run(say: (line: string) => void = console.log): void {
  const clock = manualClock();
  /** By user: how often the planned limit would have refused. */
  const wouldRefuse = new Map<string, number>();
  const limiter = createLimiter({
    limits: [inForce, { ...planned, shadow: true }],
    store: memoryStore({ clock: clock.now }),
    onEvent: (event) => {
      if (event.type !== "shadowRefused") return;
      const user = event.decision.usages.find(({ limit }) => limit === event.limit)?.id ?? "";
      wouldRefuse.set(user, (wouldRefuse.get(user) ?? 0) + 1);
    },
  });

  const aMinute = (): ReadonlyMap<string, number> => {
    const refused = new Map<string, number>();
    for (const [user, calls] of traffic) {
      for (let call = 0; call < calls; call += 1) {
        if (!limiter.checkAndRecord({ user }).allowed) {
          refused.set(user, (refused.get(user) ?? 0) + 1);
        }
      }
    }
    return refused;
  };

  say("Three users spend as they do; the planned limit only looks on");
  const refused = aMinute();
  for (const [user, calls] of traffic) {
    const would = String(wouldRefuse.get(user) ?? 0);
    say(
      `  ${user}: ${String(refused.get(user) ?? 0)} of ${String(calls)} refused; it would be ${would}`,
    );
  }

  say("What it counts is what they really use, above the number that is planned");
  const usage = limiter.usage({ user: "bob" }).find(({ limit }) => limit === "planned");
  say(`  bob: ${String(usage?.current)} of ${String(usage?.max)}`);

  say("A minute later it is enforced, with 10 rather than 5");
  clock.advance(60_000);
  limiter.reconfigure({ limits: [inForce, { ...planned, limit: 10 }] });
  for (const [user, calls] of aMinute()) say(`  ${user}: ${String(calls)} refused`);
  limiter.close();
}

if (isMain(import.meta.url)) run();
