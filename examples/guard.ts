/**
 * A function within limits: what its calls hold, what they turn out to cost, and what a failed one does.
 *
 *     pnpm example examples/guard.ts
 */
import { createLimiter, getDecision, guard, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

type Say = (line: string) => void;

interface Summary {
  readonly text: string;
  readonly tokens: number;
}

/** Stands for a service that is paid by the token, and that knows nothing of limits. */
async function summarise(_user: string, document: string): Promise<Summary> {
  await Promise.resolve();
  if (document === "") throw new Error("there is nothing to summarise");
  return { text: `${document.slice(0, 12)}…`, tokens: Math.ceil(document.length / 4) };
}

/** Before a call nobody knows what it will cost; no summary costs more than this. */
const MOST_TOKENS = 400;

/** @param say told each line */
export async function run(say: Say = console.log): Promise<void> {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: [{ type: "token", window: "day", limit: 1000, scope: "user" }],
    store: memoryStore({ clock: clock.now }),
  });
  const limited = guard(limiter, summarise, {
    subject: (user) => ({ user }),
    cost: { token: MOST_TOKENS },
    settle: ({ tokens }) => ({ token: tokens }),
    onError: "release",
  });
  const ask = async (user: string, document: string): Promise<void> => {
    try {
      const { text, tokens } = await limited(user, document);
      say(`  ${user}: "${text}", for ${String(tokens)} tokens`);
    } catch (error) {
      const decision = getDecision(error);
      if (decision !== undefined) {
        const { retryAfterMs = 0 } = decision;
        say(`  ${user}: refused, again in ${String(retryAfterMs / 3_600_000)} h`);
      } else {
        say(`  ${user}: failed, ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const report = (user: string): void => {
    const [usage] = limiter.usage({ user });
    say(`  ${user}: ${String(usage?.current)} of ${String(usage?.max)} tokens used`);
  };

  say(`A call holds ${String(MOST_TOKENS)} tokens, and is charged what it cost`);
  await ask("ann", "A letter from the harbour. ".repeat(20));
  report("ann");

  say("One that failed is charged nothing");
  await ask("ann", "");
  report("ann");

  say("Of three at a time, the third finds the rest of the day held by the others");
  await Promise.all([1, 2, 3].map((page) => ask("bob", `Page ${String(page)}. `.repeat(40))));
  report("bob");

  say("They cost less in the end, so that now there is room");
  await ask("bob", "Page 3. ".repeat(40));
  report("bob");
  limiter.close();
}

if (isMain(import.meta.url)) void run();
