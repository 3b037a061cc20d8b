/** What the demo is played with: the tenants' limits, the servers, the clients, and who tells of it. */
import { isDeepStrictEqual, styleText } from "node:util";

import type {
  Decision,
  Limiter,
  LimiterEvent,
  LimitInput,
  SubjectIds,
  Usage,
} from "@tollgate/core";
import OpenAI from "openai";

import type { ModelAddress } from "./model.ts";
import type { Example, StartOptions } from "./serve.ts";

const number = new Intl.NumberFormat("en-US");

/** The same four limits for every tenant, with other numbers. */
export const plans = {
  acme: { calls: 60, day: 420, month: 600, rate: 0.5, capacity: 3 },
  globex: { calls: 600, day: 20_000, month: 200_000, rate: 20, capacity: 40 },
  initech: { calls: 6_000, day: 1_000_000, month: 30_000_000, rate: 1_000, capacity: 2_000 },
};

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
      tell(who, `settled     ${number.format(real)} tokens instead of ${number.format(held)}`);
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

/** One user of one server: OpenAI's own client, which counts its attempts. */
export interface Client {
  readonly openai: OpenAI;
  /** The responses so far, retried ones included. */
  readonly responses: readonly Response[];
}

export function clientOf(
  { url }: Stage,
  user: string,
  { maxRetries = 0, session = user }: { maxRetries?: number; session?: string } = {},
): Client {
  const responses: Response[] = [];
  const openai = new OpenAI({
    apiKey: `key-of-${user}`,
    baseURL: url,
    maxRetries,
    defaultHeaders: { "X-Session-Id": session },
    fetch: async (...request) => {
      const response = await fetch(...request);
      responses.push(response);
      return response;
    },
  });
  return { openai, responses };
}

export const question = (
  maxTokens = 100,
): OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming => ({
  model: "gpt-4o-mini",
  max_completion_tokens: maxTokens,
  messages: [{ role: "user", content: "Why is the sky blue?" }],
});

/** The tokens of an answer, or the error that came instead. */
export async function ask({ openai }: Client, maxTokens?: number): Promise<number | Refused> {
  try {
    const { usage } = await openai.chat.completions.create(question(maxTokens));
    return usage?.total_tokens ?? 0;
  } catch (error) {
    if (error instanceof OpenAI.APIError && error.status === 429) return refusedBy(error);
    throw error;
  }
}

/** What a client knows about a refusal. */
export interface Refused {
  readonly message: string;
  readonly retryAfter: string | null;
  readonly shouldRetry: string | null;
}

const refusedBy = ({ message, headers }: InstanceType<typeof OpenAI.APIError>): Refused => ({
  message,
  retryAfter: headers?.get("retry-after") ?? null,
  shouldRetry: headers?.get("x-should-retry") ?? null,
});

export const isRefused = (answer: number | Refused): answer is Refused =>
  typeof answer !== "number";
