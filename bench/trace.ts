import { createLimiter, type Limiter, type LimiterOptions, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { type Row, Score } from "./trace-score.ts";

/** One request of a trace. */
export interface TraceCall {
  readonly atMs: number;
  /** Tokens. */
  readonly input: number;
  readonly output: number;
}

/** Requests, and what each tenant may spend on them. */
export interface Workload {
  readonly calls: readonly TraceCall[];
  /** Tokens per tenant and minute. */
  readonly limit: number;
}

/** What a call holds, and what becomes of the difference to its real cost. */
export interface Rule {
  readonly name: string;
  /** Tokens; left to the limiter's own meter when it is not given. */
  readonly hold?: (call: TraceCall) => number;
  /** Of the meter. */
  readonly llm?: NonNullable<LimiterOptions["llm"]>;
  /** The output cap that requests carry. @default 4096, far above the longest answer */
  readonly cap?: number;
  /** @default 'signed', in both directions and whenever it is known */
  readonly settle?: "signed" | "refund-only" | "same-window";
}

const MINUTE_MS = 60_000;
const TENANTS = 8;

const inputPlus = (output: number, more: Omit<Rule, "name" | "hold"> = {}, note = ""): Rule => ({
  name: `input + ${String(output)}${note}`,
  hold: ({ input }) => input + output,
  ...more,
});

const learned = (percent: number): Rule => ({
  name: `learned p${String(percent)}`,
  llm: { outputGuess: { quantile: percent / 100 } },
});

const hard = (cap: number): Rule => ({
  name: `hard, cap ${String(cap)}`,
  llm: { hard: true },
  cap,
});

/** What is done elsewhere, what Tollgate does (p99 unless told otherwise), and what hindsight would do. */
export const rules: readonly Rule[] = [
  { name: "check usage, count afterwards", hold: () => 1 },
  { ...inputPlus(0), name: "input only" },
  inputPlus(4096),
  inputPlus(1024),
  inputPlus(256, { settle: "refund-only" }, ", refund only"),
  inputPlus(256, { settle: "same-window" }, ", same window only"),
  inputPlus(256),
  learned(50),
  learned(90),
  learned(99),
  hard(1000),
  hard(4096),
  { name: "oracle", hold: ({ input, output }) => input + output },
];

/** Reads `TIMESTAMP,ContextTokens,GeneratedTokens`; whole milliseconds are all that clocks know. */
export const readTrace = (csv: string): readonly TraceCall[] =>
  csv
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [time = "", input, output] = line.split(",");
      const atMs = Date.parse(`${time.slice(0, 23).replace(" ", "T")}Z`);
      return { atMs, input: Number(input), output: Number(output) };
    });

/** The workloads of the experiment: half of what would be each tenant's fair share. */
export const conversation = (calls: readonly TraceCall[]): Workload => ({ calls, limit: 28_000 });

/** A fifth of the input, so that output is half of the cost. */
export const shortPrompts = (calls: readonly TraceCall[]): Workload => ({
  calls: calls.map((call) => ({ ...call, input: Math.ceil(call.input / 5) })),
  limit: 9000,
});

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws tenants by Zipf's law: the second calls half as often as the first. */
function tenantDrawer(seed: number): () => string {
  const random = randomNumbers(seed);
  const weights = Array.from({ length: TENANTS }, (_, rank) => 1 / (rank + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let left = random() * total;
    const rank = weights.findIndex((weight) => (left -= weight) < 0);
    return `tenant-${String(rank)}`;
  };
}

/** Called at the end of a call; tells what it is charged. */
type Conclude = () => number;

/** An admitted call until it is settled. */
interface Running {
  readonly reservation: string;
  readonly held: number;
  readonly windowEndMs: number;
  readonly endMs: number;
  readonly conclude: Conclude;
}

/** Keeps the order of ends; calls that end together stay in the order they began. */
function enqueue(running: Running[], call: Running): void {
  const later = running.findLastIndex(({ endMs }) => endMs <= call.endMs);
  running.splice(later + 1, 0, call);
}

/** More than any request of the trace has. */
const tokens: readonly number[] = Array.from({ length: 32_768 }, () => 0);

/** Asks the limiter's meter, as the gate does. An array of tokens is a prompt of exactly its length. */
function meter(
  limiter: Limiter<"sync">,
  subject: string,
  { input, output }: TraceCall,
  cap: number = 4096,
): { readonly held: number; readonly conclude: Conclude } {
  const prompt = tokens.slice(0, input);
  const body = { model: "gpt-x", prompt, max_tokens: cap };
  const call = limiter.llm.call({ subject, body, limits: limiter.limits, path: "/v1/completions" });
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  return {
    held: call.cost["token"] ?? Number.NaN,
    conclude: () => call.reported({ usage })?.cost["token"] ?? Number.NaN,
  };
}

function settle(limiter: Limiter<"sync">, rule: Rule, ended: Running): void {
  const { reservation, held, windowEndMs, endMs, conclude } = ended;
  const real = conclude();
  const kept =
    (rule.settle === "refund-only" && real > held) ||
    (rule.settle === "same-window" && endMs >= windowEndMs);
  limiter.settle(reservation, { token: kept ? held : real });
}

/**
 * Replays a workload in virtual time through a limiter of eight tenants: what arrives is reserved,
 * and settled 300 ms and 30 ms per output token later. Refused calls do not come again.
 * @param seed of the assignment to tenants
 */
export function replay({ calls, limit }: Workload, rule: Rule, seed: number = 1): Row {
  const clock = manualClock(0);
  const limiter = createLimiter({
    limits: [{ type: "token", window: "minute", limit }],
    store: memoryStore({ clock: clock.now }),
    llm: rule.llm ?? {},
  });
  const score = new Score(limit);
  const running: Running[] = [];
  const drawTenant = tenantDrawer(seed);
  const settleUntil = (nowMs: number): void => {
    for (let [first] = running; first !== undefined && first.endMs <= nowMs; [first] = running) {
      running.shift();
      clock.set(first.endMs);
      settle(limiter, rule, first);
    }
  };
  for (const call of calls) {
    settleUntil(call.atMs);
    clock.set(call.atMs);
    const tenant = drawTenant();
    const real = call.input + call.output;
    const { held, conclude } =
      rule.hold === undefined
        ? meter(limiter, tenant, call, rule.cap)
        : { held: rule.hold(call), conclude: () => real };
    const { usages, reservation } = limiter.reserve(tenant, { token: held });
    const { current = 0, resetsAtMs = 0 } = usages[0] ?? {};
    // Usage is gone a window later where there is debt to carry over.
    const windowEndMs = current > limit ? resetsAtMs - MINUTE_MS : resetsAtMs;
    score.add(tenant, windowEndMs, real, reservation !== undefined);
    if (reservation === undefined) continue;
    const endMs = call.atMs + 300 + 30 * call.output;
    enqueue(running, { reservation: reservation.id, held, windowEndMs, endMs, conclude });
  }
  settleUntil(Number.POSITIVE_INFINITY);
  limiter.close();
  return score.row(rule.name);
}
