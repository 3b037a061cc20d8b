import { createLimiter, type LimitInput, type Subject } from "@tollgate/core";

import { type OpenOptions, openStore } from "./backends.ts";

/** One process of several that share a store; does what its parent tells it. */

/** What a worker can be told. */
export type Order =
  | {
      readonly kind: "open";
      readonly at: Omit<OpenOptions, "clock">;
      readonly limits: readonly LimitInput[];
      /** Whether the store is told the time, as later orders say; else it has a clock of its own. */
      readonly timed: boolean;
    }
  | {
      /** Reserves so often, and settles every other of what was admitted for what it had reserved. */
      readonly kind: "hammer";
      readonly subject: Subject;
      readonly cost: Readonly<Record<string, number>>;
      readonly attempts: number;
      readonly concurrency: number;
      /** Whether to tell of every admission as it happens. */
      readonly acknowledges?: boolean;
      readonly nowMs?: number;
    }
  | {
      /** Takes once for each of the subjects, in an order of its own, so often. */
      readonly kind: "roam";
      readonly subjects: readonly Subject[];
      readonly rounds: number;
      readonly sweeps: boolean;
    }
  | { readonly kind: "usage"; readonly subject: Subject; readonly nowMs?: number }
  | { readonly kind: "close" };

/** What a worker tells: the answer to an order, or that a call was admitted. */
export type Message<T> =
  | { readonly id: number; readonly answer: T }
  | { readonly id: number; readonly error: string }
  | { readonly id?: undefined };

/** What it answers to `hammer`. */
export interface Hammered {
  readonly admitted: number;
  readonly settled: number;
  readonly failures: readonly string[];
}

// A machine whose clock is wrong.
const { TOLLGATE_TEST_CLOCK_AHEAD_MS: aheadMs = "0" } = process.env;
const rightNow = Date.now;
Date.now = () => rightNow() + Number(aheadMs);

let nowMs = 0;
let limiter: ReturnType<typeof createLimiter> | undefined;
let close: () => Promise<void> = async () => undefined;

async function hammer(order: Order & { kind: "hammer" }): Promise<Hammered> {
  const { subject, cost, attempts, concurrency } = order;
  let [left, admitted, settled] = [attempts, 0, 0];
  const failures: string[] = [];
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      try {
        const decision = await limiter?.reserve(subject, cost);
        if (decision?.reservation === undefined) continue;
        admitted += 1;
        if (order.acknowledges === true) process.send?.({} satisfies Message<unknown>);
        if (admitted % 2 === 0) continue;
        await limiter?.settle(decision.reservation.id, cost);
        settled += 1;
      } catch (error) {
        failures.push(described(error));
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  return { admitted, settled, failures };
}

function described(error: unknown): string {
  const { cause } = error instanceof Error ? error : { cause: undefined };
  return `${String(error)}: ${String(cause)}`;
}

/** Fisher and Yates. */
function shuffled<T>(values: readonly T[]): T[] {
  const result = values.slice();
  for (let at = result.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    const [a, b] = [result[at], result[other]];
    if (a === undefined || b === undefined) continue;
    [result[at], result[other]] = [b, a];
  }
  return result;
}

async function roam({ subjects, rounds, sweeps }: Order & { kind: "roam" }): Promise<Hammered> {
  let admitted = 0;
  const failures: string[] = [];
  const attempt = async (call: () => unknown): Promise<void> => {
    try {
      await call();
    } catch (error) {
      failures.push(described(error));
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    const calls = shuffled(subjects).map((subject) =>
      attempt(async () => {
        const decision = await limiter?.checkAndRecord(subject);
        if (decision?.allowed === true) admitted += 1;
      }),
    );
    if (sweeps) calls.push(attempt(() => limiter?.resetExpired()));
    await Promise.all(calls);
  }
  return { admitted, settled: 0, failures };
}

async function obey(order: Order): Promise<unknown> {
  if ("nowMs" in order) nowMs = order.nowMs ?? nowMs;
  switch (order.kind) {
    case "open": {
      const opened = await openStore({ ...order.at, clock: order.timed ? () => nowMs : undefined });
      limiter = createLimiter({ store: opened.store, limits: order.limits });
      close = opened.close;
      return undefined;
    }
    case "hammer":
      return hammer(order);
    case "roam":
      return roam(order);
    case "usage":
      return limiter?.usage(order.subject);
    case "close":
      await limiter?.close();
      await close();
      return undefined;
  }
}

async function answer({
  id,
  order,
}: {
  readonly id: number;
  readonly order: Order;
}): Promise<void> {
  try {
    process.send?.({ id, answer: await obey(order) } satisfies Message<unknown>);
  } catch (error) {
    process.send?.({ id, error: described(error) } satisfies Message<unknown>);
  }
  if (order.kind === "close") process.disconnect();
}

process.on("message", (message: { readonly id: number; readonly order: Order }) => {
  void answer(message);
});
