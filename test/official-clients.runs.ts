/** What clients do about a refusal: each case runs a client against a service, and notes how it went. */
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";

import { type Client, clients } from "./official-clients.clients.ts";
import {
  type Attempt,
  type Framework,
  frameworks,
  type Stage,
  type StageOptions,
  startStage,
} from "./official-clients.stage.ts";

/** A client that still waits after this long is aborted. */
export const PATIENCE_MS = 10_000;

/** One call of a client to a service that refuses it. */
export interface Run {
  /** From the refused one on. */
  readonly attempts: readonly Attempt[];
  /** From each attempt to the next. */
  readonly gapsMs: readonly number[];
  readonly outcome: "answered" | "failed" | "aborted";
  /** The answer, or what the client throws. */
  readonly result: unknown;
  readonly tookMs: number;
}

/** Runs by scenario, framework and client. */
export interface Runs {
  readonly of: (scenario: string, framework: Framework, client: Client) => Run;
  readonly add: (scenario: string, framework: Framework, client: Client, run: Run) => void;
}

export function createRuns(): Runs {
  const runs = new Map<string, Run>();
  return {
    of: (scenario, framework, { name }) => {
      const run = runs.get(`${scenario}|${framework}|${name}`);
      if (run === undefined) throw new Error(`${name} has not run: ${scenario}, ${framework}`);
      return run;
    },
    add: (scenario, framework, { name }, run) => {
      runs.set(`${scenario}|${framework}|${name}`, run);
    },
  };
}

const keyOf = ({ name }: Client): string => `key-${name.replaceAll(/\W/g, "-")}`;

async function watchCall(stage: Stage, client: Client): Promise<Run> {
  const key = keyOf(client);
  const before = stage.attemptsOf(key).length;
  const startedMs = performance.now();
  const controller = new AbortController();
  const asked = client.ask({ url: stage.url, key, signal: controller.signal }).then(
    (result: unknown) => ({ outcome: "answered", result }) as const,
    (result: unknown) => ({ outcome: "failed", result }) as const,
  );
  // Not by the client's own rejection, which some put off until they wake.
  const patience = pause(PATIENCE_MS, { outcome: "aborted", result: undefined } as const, {
    signal: controller.signal,
  }).catch(() => ({ outcome: "aborted", result: undefined }) as const);
  const end = await Promise.race([asked, patience]);
  const tookMs = performance.now() - startedMs;
  controller.abort();
  const attempts = stage.attemptsOf(key).slice(before);
  const arrivals = attempts.map(({ arrivedMs }) => arrivedMs);
  const gapsMs = arrivals.slice(1).map((arrivedMs, index) => arrivedMs - (arrivals[index] ?? 0));
  return { attempts, gapsMs, ...end, tookMs };
}

/** A service that refuses. */
export interface Scenario {
  readonly name: string;
  readonly options: StageOptions;
  /** Whether it admits a first call, which uses up the limit. */
  readonly firstPasses: boolean;
}

/** Begins a call of every client, and returns what awaits their ends. */
async function begin(
  { name, options, firstPasses }: Scenario,
  framework: Framework,
  runs: Runs,
): Promise<() => Promise<void>> {
  const stage = await startStage(framework, options);
  const calls: Promise<void>[] = [];
  const { signal } = new AbortController();
  for (const client of clients) {
    if (firstPasses) await client.ask({ url: stage.url, key: keyOf(client), signal });
    calls.push(
      watchCall(stage, client).then((run) => {
        runs.add(name, framework, client, run);
        return undefined;
      }),
    );
  }
  return async () => {
    await Promise.all(calls);
    await stage.close();
  };
}

/** Runs every client in every scenario on every framework; they all wait at the same time. */
export async function playAll(scenarios: readonly Scenario[], runs: Runs): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  for (const scenario of scenarios) {
    for (const framework of frameworks) {
      // Begun one by one: in a crowd, much of a wait would be over before its call is refused.
      ends.push(await begin(scenario, framework, runs));
    }
  }
  await Promise.all(ends.map(async (end) => end()));
}
