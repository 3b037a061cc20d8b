/** What the demo is played with: the tenants and their limits, the servers, and who tells of it. */
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual, styleText } from "node:util";

import type {
  CallEstimate,
  Decision,
  Limiter,
  LimiterEvent,
  LimitInput,
  SettlementEvent,
  SubjectIds,
  Usage,
} from "@tollgate/core";

import type { ModelAddress } from "./model.ts";
import type { Example, StartOptions } from "./serve.ts";

const number = new Intl.NumberFormat("en-US");

/** The same four limits for every tenant, with other numbers. */
export const plans = {
  acme: { calls: 60, day: 420, month: 600, rate: 0.5, capacity: 3 },
  globex: { calls: 600, day: 20_000, month: 200_000, rate: 20, capacity: 40 },
  initech: { calls: 6_000, day: 1_000_000, month: 30_000_000, rate: 1_000, capacity: 2_000 },
};

export const acmeAnn = { tenant: "acme", user: "ann", session: "ann" };
export const globexGus = { tenant: "globex", user: "gus", session: "gus" };
export const initechIvy = { tenant: "initech", user: "ivy", session: "ivy" };
export const tenants: readonly (typeof acmeAnn)[] = [acmeAnn, globexGus, initechIvy];

/** The plans in words. */
export const planLines: readonly string[] = Object.entries(plans).map(
  ([tenant, { calls, day, month, rate, capacity }]) =>
    `   ${tenant.padEnd(8)} ${number.format(calls)} calls a minute and ${number.format(day)} tokens ` +
    `a day per user, ${number.format(month)} tokens a month in all; ` +
    `bursts of ${number.format(capacity)}, then ${number.format(rate)} per second`,
);

/** @param burst how large acme's burst really is */
export function limitsOf(burst: number): readonly LimitInput[] {
  return Object.entries(plans).flatMap(([tenant, plan]): readonly LimitInput[] => {
    const when = (subject: string | SubjectIds): boolean =>
      typeof subject !== "string" && subject["tenant"] === tenant;
    const { calls, day, month, rate } = plan;
    const capacity = tenant === "acme" ? burst : plan.capacity;
    return [
      {
        name: `${tenant} calls`,
        type: "count",
        window: "minute",
        limit: calls,
        scope: "user",
        when,
      },
      { name: `${tenant} day`, type: "token", window: "day", limit: day, scope: "user", when },
      {
        name: `${tenant} month`,
        type: "token",
        window: "month",
        limit: month,
        scope: "tenant",
        when,
      },
      { name: `${tenant} burst`, type: "count", rate, capacity, scope: "session", when },
    ];
  });
}

/** A server with a name, that tells about its decisions. */
export interface Stage extends Example {
  readonly name: string;
}

export async function openStage(
  name: string,
  start: (options: StartOptions) => Promise<Example>,
  limits: readonly LimitInput[],
  model: ModelAddress,
): Promise<Stage> {
  const example = await start({ limits, model });
  narrate(name, example.limiter);
  return { ...example, name };
}

const idOf = ({ usages }: Decision, scope: string): string =>
  usages.find((usage) => usage.scope === scope)?.id ?? "";

const whoIn = (decision: Decision): string =>
  `${idOf(decision, "tenant")}/${idOf(decision, "user")}`;

const left = ({ limit, remaining, max }: Usage): string =>
  `${limit.replace(/^\w+ /, "")} ${number.format(remaining)} of ${number.format(max)}`;

/** Tells what a server decides, while it decides it. */
function narrate(server: string, limiter: Limiter): void {
  const callers = new Map<string, string>();
  const tell = (who: string, what: string): void => {
    console.log(`   ${server.padEnd(8)} ${who.padEnd(12)} ${what}`);
  };
  limiter.subscribe((event: LimiterEvent) => {
    if (event.type === "settled") {
      const [held = 0, real = 0] = [event.held["token"], event.cost["token"]];
      const who = callers.get(event.reservationId) ?? "";
      const amounts = `${number.format(real)} tokens instead of ${number.format(held)}`;
      tell(who, `settled     ${amounts}: ${event.source}`);
      callers.delete(event.reservationId);
    }
    if (event.type !== "admitted" && event.type !== "refused" && event.type !== "impossible")
      return;
    const { decision, cost } = event;
    const who = whoIn(decision);
    if (decision.reservation === undefined) {
      tell(who, `${decision.outcome.padEnd(11)} ${decision.reason ?? ""}`);
      return;
    }
    callers.set(decision.reservation.id, who);
    const held = number.format(cost["token"] ?? 0);
    tell(who, `admitted    holds ${held} tokens; left: ${decision.usages.map(left).join(", ")}`);
  });
}

/** How a subject's limits stand when nothing runs any more: settling follows an answer's last byte. */
export async function settledUsage(
  limiter: Limiter,
  subject: SubjectIds,
): Promise<readonly Usage[]> {
  let usages = await limiter.usage(subject);
  while (usages.some(({ held }) => held > 0)) {
    await delay(1);
    usages = await limiter.usage(subject);
  }
  return usages;
}

/** What a subject has used of one of its tenant's limits. */
export async function used(limiter: Limiter, subject: SubjectIds, limit: string): Promise<number> {
  const usages = await settledUsage(limiter, subject);
  return usages.find((usage) => usage.limit === `${subject["tenant"]} ${limit}`)?.current ?? -1;
}

/** What a server thinks that a call needs. */
export const estimateOf = (
  { llm, limits }: Limiter,
  subject: SubjectIds,
  body: unknown,
): CallEstimate => llm.call({ subject, body, limits }).estimate;

/** The next settlement of a server. */
export const settlement = async ({ subscribe }: Limiter): Promise<SettlementEvent> =>
  new Promise((resolve) => {
    const stop = subscribe((event) => {
      if (event.type !== "settled") return;
      stop();
      resolve(event);
    });
  });

let kept = 0;
let broken = 0;

const paint = (colour: "green" | "red", text: string): string =>
  process.stdout.isTTY ? styleText(colour, text) : text;

/** Says what was promised, and whether it came true. */
export function promised(what: string, actual: unknown, expected: unknown = true): void {
  if (isDeepStrictEqual(actual, expected)) {
    kept += 1;
    console.log(`   ${paint("green", "[kept]")} ${what}`);
    return;
  }
  broken += 1;
  const difference = `expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
  console.log(`   ${paint("red", "[BROKEN]")} ${what}: ${difference}`);
}

/** The last words; how many promises were broken. */
export function conclude(seconds: string): number {
  console.log(`\n${String(kept)} promises kept, ${String(broken)} broken, in ${seconds} s`);
  return broken;
}

export const act = (title: string): void => console.log(`\n${title}\n`);
