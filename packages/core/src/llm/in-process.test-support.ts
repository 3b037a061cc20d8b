import type { SettlementEvent } from "../events.ts";
import type { Limiter } from "../limiter.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import type { LimiterOptions } from "../limiter/limiter-options.ts";
import { memoryStore } from "../memory-store.ts";
import type { Store } from "../store.ts";
import type { MeterOptions } from "./in-process.ts";
import { LlmMeter } from "./meter.ts";
import type { CallSettlement } from "./metered-call.ts";

/** What is held for an answer of unknown length. */
export const GUESSED = 100;

export const chatBody = {
  model: "gpt-4o",
  messages: [{ role: "user", content: "Say hello to them." }],
} as const;

/** A tokenizer whose numbers can be read off the texts. */
export const characters = (text: string): number => text.length;

/** Input tokens that {@link chatBody} is estimated at. */
export const ESTIMATED: number = new LlmMeter({ tokenizer: characters }).estimate(
  chatBody,
).inputToken;

/** A limiter, the settlements it booked, and what became of the subject's limits. */
export interface MeterStage {
  readonly limiter: Limiter;
  /** In the order they were booked: cost by type and source. */
  readonly settled: readonly Pick<SettlementEvent, "cost" | "source">[];
  /** What `onSettled` was told. */
  readonly told: readonly CallSettlement[];
  readonly options: MeterOptions;
  readonly used: () => Promise<Readonly<Record<string, number>>>;
}

/** What is asked of a store; an answer of true makes it fail. */
type Fails = (operation: "apply" | "settle" | "renew") => boolean;

/** The memory store behind promises, which fail where `fails` says so. */
function remote(fails: Fails): Store {
  const memory = memoryStore({ maxKeys: 100 });
  const failing = (operation: Parameters<Fails>[0]): void => {
    if (fails(operation)) throw new Error(`no ${operation}`);
  };
  return {
    synchronous: false,
    apply: async (batch) => {
      failing("apply");
      return memory.apply(batch);
    },
    settle: async (settlement) => {
      failing("settle");
      return memory.settle(settlement);
    },
    renew: async (token, leaseMs) => {
      failing("renew");
      return memory.renew(token, leaseMs);
    },
    forget: async (address) => memory.forget(address),
    sweep: async (beforeMs) => memory.sweep(beforeMs),
    reservations: async (address) => memory.reservations(address),
    close: async () => memory.close(),
  };
}

/** How a stage differs from the usual. */
export interface StageOptions extends Partial<LimiterOptions> {
  readonly fails?: Fails;
}

export function meterStage({ fails, ...options }: StageOptions = {}): MeterStage {
  const settled: Pick<SettlementEvent, "cost" | "source">[] = [];
  const told: CallSettlement[] = [];
  const limiter: Limiter = createLimiter({
    limits: [
      { type: "count", window: "hour", limit: 100 },
      { type: "inputToken", window: "hour", limit: 10_000 },
      { type: "outputToken", window: "hour", limit: 10_000 },
    ],
    llm: { outputGuess: { initial: GUESSED }, calibrate: false, tokenizer: characters },
    store: fails === undefined ? memoryStore({ maxKeys: 100 }) : remote(fails),
    ...options,
  });
  limiter.subscribe((event) => {
    if (event.type !== "settled" && event.type !== "released") return;
    settled.push({ cost: event.cost, source: event.source });
  });
  return {
    limiter,
    settled,
    told,
    options: { onSettled: (settlement) => void told.push(settlement) },
    used: async () => {
      const usages = await limiter.usage("alice");
      return Object.fromEntries(usages.map(({ type, current }) => [type, current]));
    },
  };
}

/** A settlement as it is booked for one call. */
export const booked = (
  inputToken: number,
  outputToken: number,
  source: string,
): { readonly cost: object; readonly source: string } => ({
  cost: { count: 1, inputToken, outputToken },
  source,
});

/** Lets everything happen that waits for nothing but its turn. */
export const turns = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => {
      setImmediate(resolve);
    });
  });

/** A chunk of OpenAI's stream. */
export const chunk = (content: string, finish: string | null = null): object => ({
  object: "chat.completion.chunk",
  model: "gpt-4o",
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
});

/** The last one, which has the usage. */
export const usageChunk: object = {
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 3 },
};

export const wholeStream: readonly object[] = [
  chunk("Hello "),
  chunk("there."),
  chunk("", "stop"),
  usageChunk,
];
