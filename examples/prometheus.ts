/**
 * Metrics for Prometheus, without a library: counters from the limiter's events, and how much chosen
 * subjects have used at the moment they are asked for.
 *
 *     pnpm example examples/prometheus.ts
 */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";

import {
  createLimiter,
  type DecisionEvent,
  type Limiter,
  type LimiterEvent,
  memoryStore,
  type Subject,
} from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

type Labels = Readonly<Record<string, string>>;

// The text format's own rules: https://prometheus.io/docs/instrumenting/exposition_formats/
const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

const labelled = (name: string, labels: Labels): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(",")}}`;

/** One metric: a number for each combination of labels. */
class Metric {
  readonly #head: string;
  readonly #name: string;
  readonly #samples = new Map<string, number>();

  constructor(name: string, type: "counter" | "gauge", help: string) {
    this.#head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    this.#name = name;
  }

  add(labels: Labels, amount = 1): void {
    const sample = labelled(this.#name, labels);
    this.#samples.set(sample, (this.#samples.get(sample) ?? 0) + amount);
  }

  get text(): string {
    const lines = [...this.#samples].map(([sample, value]) => `${sample} ${String(value)}\n`);
    return this.#head + lines.join("");
  }
}

/** Counts what a limiter tells; call `stop` to end that. */
function limiterCounters(limiter: Limiter) {
  const calls = new Metric("tollgate_calls_total", "counter", "Calls that were decided.");
  const decisions = new Metric(
    "tollgate_limit_decisions_total",
    "counter",
    "Calls by the limits that admitted or refused them.",
  );
  const settled = new Metric(
    "tollgate_settled_units_total",
    "counter",
    "What settled calls have cost, by where that is known from.",
  );
  const waited = new Metric("tollgate_waited_total", "counter", "Calls that had to wait.");
  const waitedSeconds = new Metric(
    "tollgate_waited_seconds_total",
    "counter",
    "How long calls have waited.",
  );
  const failures = new Metric("tollgate_store_failures_total", "counter", "Failures of the store.");

  const decided = ({ limiter: name, type: outcome, decision }: DecisionEvent): void => {
    calls.add({ limiter: name, outcome });
    const limits = decision.allowed
      ? decision.usages.flatMap(({ limit, shadow }) => (shadow ? [] : limit))
      : decision.refusedBy;
    for (const limit of limits) decisions.add({ limiter: name, limit, outcome });
  };
  const stop = limiter.subscribe((event: LimiterEvent) => {
    const labels = { limiter: event.limiter };
    if (event.type === "admitted" || event.type === "refused" || event.type === "impossible") {
      decided(event);
    } else if (event.type === "shadowRefused") {
      decisions.add({ ...labels, limit: event.limit, outcome: "shadow-refused" });
    } else if (event.type === "settled") {
      for (const [type, amount] of Object.entries(event.cost)) {
        settled.add({ ...labels, type, source: event.source }, amount);
      }
    } else if (event.type === "waited") {
      waited.add({ ...labels, outcome: event.outcome });
      waitedSeconds.add(labels, event.waitedMs / 1000);
    } else if (event.type === "storeFailure") {
      failures.add({ ...labels, operation: event.operation });
    }
  });
  return { metrics: [calls, decisions, settled, waited, waitedSeconds, failures], stop };
}

/** How it stands now. Ids are labels, so name few subjects: tenants rather than sessions. */
async function limiterGauges(limiter: Limiter, subjects: readonly Subject[]) {
  const waiting = new Metric("tollgate_waiting", "gauge", "Calls that are waiting.");
  const used = new Metric("tollgate_used_units", "gauge", "Units in force, held ones included.");
  const max = new Metric("tollgate_limit_units", "gauge", "Units that the limit has.");
  waiting.add({ limiter: limiter.name }, limiter.waiting.waiting);
  for (const subject of subjects) {
    for (const usage of await limiter.usage(subject)) {
      const { limit, scope, id } = usage;
      const labels = { limiter: limiter.name, limit, scope, id };
      used.add(labels, usage.current);
      max.add(labels, usage.max);
    }
  }
  return [waiting, used, max];
}

export interface MetricsOptions {
  /** Whose usage is shown. */
  readonly subjects?: readonly Subject[];
  /** @default 0, any free port */
  readonly port?: number;
}

export interface MetricsServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves the metrics of a limiter on this machine. */
export async function start(
  limiter: Limiter,
  { subjects = [], port = 0 }: MetricsOptions = {},
): Promise<MetricsServer> {
  const { metrics, stop } = limiterCounters(limiter);
  const answer = async (response: ServerResponse): Promise<void> => {
    try {
      const all = [...metrics, ...(await limiterGauges(limiter, subjects))];
      response.setHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
      response.end(all.map(({ text }) => text).join(""));
    } catch {
      // The store could not be asked. Prometheus notes a failed scrape.
      response.statusCode = 503;
      response.end();
    }
  };
  const server = createServer((_request, response) => void answer(response));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${String(bound)}/metrics`,
    close: async () => {
      stop();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** @param say told each line */
export async function run(say: (line: string) => void = console.log): Promise<void> {
  const clock = manualClock();
  const limiter = createLimiter({
    scope: "tenant",
    limits: [
      { type: "count", window: "minute", limit: 3, name: "burst" },
      { type: "token", window: "day", limit: 1000, name: "daily" },
      { type: "count", window: "minute", limit: 1, name: "planned", shadow: true },
    ],
    store: memoryStore({ clock: clock.now }),
    waiting: { scheduler: clock.scheduler },
  });
  const acme = { tenant: "acme" };
  const quoted = { tenant: 'the "best" company' };
  const metrics = await start(limiter, { subjects: [acme, quoted] });

  const { reservation } = limiter.reserve(acme, { count: 1, token: 300 });
  if (reservation !== undefined) limiter.settle(reservation.id, { token: 120 });
  for (let call = 0; call < 3; call += 1) limiter.checkAndRecord(acme, { count: 1, token: 50 });
  limiter.checkAndRecord(quoted, { count: 1, token: 5000 });
  const patient = limiter.acquire(acme, { count: 1 }, { maxWaitMs: 60_000 });
  clock.advance(60_000);
  await patient;

  const answer = await fetch(metrics.url);
  for (const line of (await answer.text()).trimEnd().split("\n")) say(line);
  await metrics.close();
  limiter.close();
}

if (isMain(import.meta.url)) void run();
