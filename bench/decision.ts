import { type Cost, createLimiter, type Decision, type LimitInput } from "@tollgate/core";
import { MemoryStore, rateLimit } from "express-rate-limit";

import { type PlainLimit, plainLimiter } from "./baseline.ts";
import { type Bench, compare, type Comparison, type Contender } from "./harness.ts";
import { pick, randomIds } from "./ids.ts";

const MAX_KEYS = 100_000;
const PLENTY = 1_000_000_000;
const windowsMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;

interface BenchLimit {
  readonly type: "count" | "token";
  readonly window: keyof typeof windowsMs;
  readonly max: number;
}

const limitsOf = (type: BenchLimit["type"], ...windows: BenchLimit["window"][]): BenchLimit[] =>
  windows.map((window) => ({ type, window, max: PLENTY }));

const fourCounts = limitsOf("count", "minute", "hour", "day", "week");
const twoTypes = [...limitsOf("count", "minute", "hour"), ...limitsOf("token", "minute", "hour")];
// Used up by the first call of each id, and refused within the minute: by the first limit that is
// asked, on both sides.
const refusing = fourCounts.map((limit) =>
  limit.window === "minute" ? { ...limit, max: 1 } : limit,
);

const asInput = ({ type, window, max }: BenchLimit): LimitInput => ({
  type,
  window,
  limit: max,
  scope: "user",
});

const withHundredTokens = (): Cost => ({ count: 1, token: 100 });

function handWritten(limits: readonly BenchLimit[], ids: readonly string[]): Contender {
  const plain = limits.map(({ type, window, max }): PlainLimit => ({
    windowMs: windowsMs[window],
    max,
    amount: type === "count" ? 1 : 100,
  }));
  const decide = plainLimiter(plain, MAX_KEYS);
  return {
    name: "hand-written",
    run: (calls) => {
      let admitted = 0;
      for (let call = 0; call < calls; call += 1) if (decide(pick(ids, call))) admitted += 1;
      return admitted;
    },
  };
}

const isAllowed = ({ allowed }: Decision): number => (allowed ? 1 : 0);
const countUsages = ({ usages }: Decision): number => usages.length;

function tollgate(
  limits: readonly BenchLimit[],
  ids: readonly string[],
  read: (decision: Decision) => number,
  cost?: () => Cost,
): Contender {
  const limiter = createLimiter({ limits: limits.map(asInput) });
  return {
    name: "tollgate",
    run: (calls) => {
      let sum = 0;
      for (let call = 0; call < calls; call += 1) {
        sum += read(limiter.checkAndRecord({ user: pick(ids, call) }, cost?.()));
      }
      return sum;
    },
  };
}

function expressRateLimit(ids: readonly string[]): Contender {
  const store = new MemoryStore();
  // The middleware tells the store its window.
  rateLimit({ store, windowMs: windowsMs.minute, limit: PLENTY });
  return {
    name: "await increment of express-rate-limit",
    run: async (calls) => {
      let hits = 0;
      for (let call = 0; call < calls; call += 1) {
        const { totalHits } = await store.increment(pick(ids, call));
        hits += totalHits;
      }
      return hits;
    },
  };
}

/** Four limits in one record, against the same limits written by hand. */
const against = (
  title: string,
  limits: readonly BenchLimit[],
  poolSize: number,
  read: (decision: Decision) => number,
  more: Pick<Comparison, "target"> & { readonly cost?: () => Cost } = {},
): (() => Promise<void>) => {
  const { cost, ...rest } = more;
  return async () => {
    const ids = randomIds(poolSize);
    await compare({
      title: `${title}, ${poolSize.toLocaleString("en")} ids`,
      yardstick: handWritten(limits, ids),
      contender: tollgate(limits, ids, read, cost),
      ...rest,
    });
  };
};

async function againstIncrement(): Promise<void> {
  const ids = randomIds(1_000);
  await compare({
    title: "1 limit, 1,000 ids",
    yardstick: expressRateLimit(ids),
    contender: tollgate(limitsOf("count", "minute"), ids, isAllowed),
    target: 1,
  });
}

export const decision: Bench = {
  "small-pool": against("4 limits", fourCounts, 1_000, isAllowed, { target: 2 }),
  "large-pool": against("4 limits", fourCounts, 10_000, isAllowed, { target: 2 }),
  "small-pool-usages": against("4 limits, usages read", fourCounts, 1_000, countUsages),
  "large-pool-usages": against("4 limits, usages read", fourCounts, 10_000, countUsages),
  cost: against("4 limits of 2 types, cost given", twoTypes, 1_000, isAllowed, {
    cost: withHundredTokens,
  }),
  refused: against("4 limits, refused", refusing, 1_000, isAllowed),
  increment: againstIncrement,
};
