import assert from "node:assert/strict";
import { EventEmitter } from "node:events";

import type { Cost } from "../cost.ts";
import type { LimiterEvent } from "../events.ts";
import type { Limiter } from "../limiter.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import type { LimiterOptions } from "../limiter/limiter-options.ts";
import type { LlmOptions } from "../llm/meter.ts";
import { type MemoryStore, memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { Store } from "../store.ts";
import type { Subject } from "../subject.ts";
import type { Usage } from "../usage.ts";
import type {
  AdapterCase,
  AnyOptions,
  AnyRequest,
  AppSpec,
  Handler,
  MakeApp,
  Route,
  RunningApp,
} from "./adapter-app.ts";
import type { Received } from "./adapter-client.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

/** A limiter of the contract, and what it stands on. */
export interface Desk {
  readonly clock: ManualClock;
  /** What the clock showed at first. */
  readonly startMs: number;
  readonly store: MemoryStore;
  readonly limiter: Limiter;
  /** Everything the limiter has told. */
  readonly events: readonly LimiterEvent[];
  /** Resolves with the event of this type that comes next, or came last. */
  readonly told: (type: LimiterEvent["type"]) => Promise<LimiterEvent>;
  /** What the subject has used, by limit. */
  readonly used: (subject: Subject) => Promise<Readonly<Record<string, number>>>;
}

/** Options of {@link desk}. */
export interface DeskOptions {
  /** Puts another store in front of the one in memory. */
  readonly wrap?: (store: MemoryStore) => Store;
  readonly name?: string;
  readonly llm?: LlmOptions;
  /** Further options of the limiter. */
  readonly more?: Omit<LimiterOptions, "limits" | "store" | "name" | "llm">;
}

/** A limiter on a store with a manual clock. */
export function desk(
  limits: NonNullable<LimiterOptions["limits"]>,
  options: DeskOptions = {},
): Desk {
  const { wrap = (store: MemoryStore): Store => store, name = "default", llm = {}, more } = options;
  const clock = manualClock();
  const memory = memoryStore({ clock: clock.now });
  // Delays pass with the clock.
  const waiting = { scheduler: clock.scheduler };
  const limiter: Limiter = createLimiter({
    limits,
    store: wrap(memory),
    name,
    llm,
    waiting,
    ...more,
  });
  const events: LimiterEvent[] = [];
  limiter.subscribe((event) => events.push(event));
  return {
    clock,
    startMs: clock.now(),
    store: memory,
    limiter,
    events,
    told: async (type) => {
      const last = events.findLast((event) => event.type === type);
      if (last !== undefined) return last;
      return new Promise((resolve) => {
        const stop = limiter.subscribe((event) => {
          if (event.type !== type) return;
          stop();
          resolve(event);
        });
      });
    },
    used: async (subject) => {
      const usages: readonly Usage[] = await limiter.usage(subject);
      return Object.fromEntries(usages.map(({ limit, current }) => [limit, current]));
    },
  };
}

/** The name of the one limit of most cases, and its row. */
export const perMinute = (limit: number): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  name: "requests",
});

/** Tokens beside requests, so that calls are reserved and settled. */
export const withTokens = (limit: number, count: number = 100): readonly LimitInput[] => [
  perMinute(count),
  { type: "token", window: "hour", limit, name: "tokens" },
];

/** Every call is charged 100 tokens until it is settled. */
export const hundredTokens = (): Cost => ({ token: 100 });

/** Callers are told apart by a header, which a test may set; without it everyone is alice. */
export const byHeader = ({ headers }: AnyRequest): string => String(headers["x-caller"] ?? "alice");

export const ok: Handler = () => ({ json: { ok: true } });

/** `GET /`, with this handler. */
export const home = (handler: Handler = ok): Route => ({ path: "/", handler });

/** An application with one limiter before all routes. */
export const behind = (options: AnyOptions, ...routes: readonly Route[]): AppSpec => ({
  layers: [{ options }],
  routes: routes.length === 0 ? [home()] : routes,
});

/** A case whose application is closed whatever happens. */
export const appCase = (name: string, run: (start: MakeApp) => Promise<void>): AdapterCase => ({
  name,
  run: async (makeApp) => {
    const running: RunningApp[] = [];
    try {
      await run(async (spec) => {
        const app = await makeApp(spec);
        running.push(app);
        return app;
      });
    } finally {
      await Promise.all(running.map(async (app) => app.close()));
    }
  },
});

/** The names of all rate-limit fields that an answer carries. */
export const limitFields = ({ headers }: Pick<Received, "headers">): readonly string[] =>
  Object.keys(headers)
    .filter((name) => /^(?:x-)?ratelimit/.test(name))
    .toSorted();

/** Lets everything go on that waits for nothing but its turn. */
export const settleDown = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
};

/** Resolves when so many calls are waiting for room. */
export async function waitingCalls({ limiter }: Desk, calls: number): Promise<void> {
  while (limiter.waiting.waiting !== calls) await settleDown();
}

/** Something that happens once, and can be awaited from anywhere. */
export interface Signal {
  readonly happened: Promise<void>;
  readonly happen: () => void;
}

export function signal(): Signal {
  const emitter = new EventEmitter();
  const happened = new Promise<void>((resolve) => {
    emitter.once("happened", resolve);
  });
  return {
    happened,
    happen: () => {
      emitter.emit("happened");
    },
  };
}

/** What the process is warned of while `during` runs, by code. */
export async function warningsOf(during: () => Promise<void>): Promise<readonly string[]> {
  const codes: string[] = [];
  const before = Object.getOwnPropertyDescriptor(process, "emitWarning");
  // Intercepted where it is called: test runners put a copy of `process` between it and its events.
  process.emitWarning = (_warning: unknown, options: unknown) => {
    const { code }: { code?: unknown } = Object(options);
    codes.push(String(code));
  };
  try {
    await during();
  } finally {
    if (before !== undefined) Object.defineProperty(process, "emitWarning", before);
  }
  return codes;
}

/** Asserts that nothing is held any more, and that exactly one end was booked for each reservation. */
export function assertEndedOnce({ events, store }: Desk, settlements: number): void {
  const ends = events.filter(({ type }) => type === "settled" || type === "released");
  assert.equal(ends.length, settlements);
  assert.equal(store.stats().openReservations, 0);
}
