/**
 * Tollgate at work: a stand-in model, three servers and three tenants with different limits, on this
 * machine only. Whatever is promised on the way is checked on the way.
 *
 *     pnpm demo
 */
import type { Limiter, SubjectIds } from "@tollgate/core";

import { ask, clientOf, isRefused, question, type Refused } from "./demo-client.ts";
import {
  acmeAnn,
  act,
  conclude,
  estimateOf,
  globexGus,
  limitsOf,
  openStage,
  planLines,
  plans,
  promised,
  settledUsage,
  type Stage,
  tenants,
  used,
} from "./demo-stage.ts";
import { brokenOff, streaming } from "./demo-streams.ts";
import { start as startExpress } from "./express.ts";
import { start as startFastify } from "./fastify.ts";
import { start as startKoa } from "./koa.ts";
import { startStandInLlm } from "./stand-in-llm.ts";

/** Short answers, so that no other limit than the one to be shown is met. */
const short = question(20);

/** The counters of a user and its tenant, without the bucket: that refills while we look. */
async function counters(limiter: Limiter, subject: SubjectIds): Promise<readonly object[]> {
  const usages = await settledUsage(limiter, subject);
  return usages
    .filter(({ window }) => window !== undefined)
    .map(({ limit, current }) => ({ limit, current }));
}

async function admission(stages: readonly Stage[]): Promise<void> {
  act("1. Everybody is admitted, is held to an estimate, and pays what the model reports");
  for (const [index, stage] of stages.entries()) {
    const subject = tenants[index] ?? acmeAnn;
    const told = await ask(clientOf(stage, subject.user));
    const charged = await used(stage.limiter, subject, "day");
    promised(
      `${subject.tenant} pays on ${stage.name} what its client was told: ${String(charged)} tokens`,
      charged,
      told,
    );
  }
}

async function burst(stage: Stage): Promise<void> {
  act(`2. Five calls at once on ${stage.name}, against a burst of ${String(plans.acme.capacity)}`);
  const client = clientOf(stage, "ann", { session: "hasty" });
  const callsBefore = await used(stage.limiter, acmeAnn, "calls");
  const answers = await Promise.all(Array.from({ length: 5 }, async () => ask(client, short)));
  const refusals = answers.filter(isRefused);
  promised("3 are admitted and 2 refused", [5 - refusals.length, refusals.length], [3, 2]);
  promised(
    "a refusal tells the client to come back in 1 or 2 s",
    refusals.every(({ retryAfter }) => retryAfter === "1" || retryAfter === "2"),
  );
  const counted = (await used(stage.limiter, acmeAnn, "calls")) - callsBefore;
  promised("the admitted ones alone are counted", counted, 3);
  const before = await counters(stage.limiter, acmeAnn);
  const again = await ask(client, short);
  promised("one more is refused", isRefused(again));
  promised(
    "which leaves the counters of the user and the tenant as they were",
    await counters(stage.limiter, acmeAnn),
    before,
  );
}

async function retry(stages: readonly Stage[]): Promise<void> {
  act("3. OpenAI's client waits as long as it is told, and its first retry is admitted");
  const waits = stages.map(async (stage) => {
    // The burst is used up first.
    const hasty = clientOf(stage, "bob");
    await Promise.all(Array.from({ length: plans.acme.capacity }, async () => ask(hasty, short)));
    const patient = clientOf(stage, "bob", { maxRetries: 2 });
    const startMs = performance.now();
    const answer = await ask(patient, short);
    return { stage, answer, waitedMs: performance.now() - startMs, patient };
  });
  for (const { stage, answer, waitedMs, patient } of await Promise.all(waits)) {
    const [refusal] = patient.responses;
    const seconds = Number(refusal?.headers.get("retry-after"));
    const exactMs = Number(refusal?.headers.get("retry-after-ms"));
    const statuses = patient.responses.map(({ status }) => status);
    promised(`${stage.name}: refused once, then admitted`, statuses, [429, 200]);
    promised(
      `${stage.name}: told ${String(exactMs)} ms by retry-after-ms, waited ${waitedMs.toFixed(0)} ms, answered`,
      // As exact as the timers of the client are.
      exactMs > 0 && waitedMs >= exactMs - 1 && !isRefused(answer),
    );
    promised(
      `${stage.name}: Retry-After says ${String(seconds)} s to clients that know no better`,
      seconds >= 1 && exactMs > (seconds - 1) * 1000 && exactMs <= seconds * 1100,
    );
  }
}

/** Asks, each time in a new session, until a limit refuses. */
async function askUntilRefused(stage: Stage, user: string): Promise<Refused & { tries: number }> {
  for (let call = 1; call <= 20; call += 1) {
    const client = clientOf(stage, user, { maxRetries: 2, session: `${user}-${String(call)}` });
    const answer = await ask(client);
    if (isRefused(answer)) return { ...answer, tries: client.responses.length };
  }
  const never = { message: "never refused", code: undefined, retryAfter: null, shouldRetry: null };
  return { ...never, tries: 0 };
}

async function quota(stage: Stage): Promise<void> {
  act(`4. acme spends all it has on ${stage.name}; nobody else notices`);
  const othersBefore = await counters(stage.limiter, globexGus);
  const ann = await askUntilRefused(stage, "ann");
  promised("Ann's day is used up", /"acme day"/.test(ann.message));
  const bob = await askUntilRefused(stage, "bob");
  promised("then Bob, whose day is not, uses up acme's month", /"acme month"/.test(bob.message));
  promised(
    "both are told, as OpenAI would, not to wait for it; so their clients tried once, though they may retry",
    [ann, bob].map(({ code, shouldRetry, tries }) => [code, shouldRetry, tries]),
    [
      ["insufficient_quota", "false", 1],
      ["insufficient_quota", "false", 1],
    ],
  );
  const months = [await used(stage.limiter, acmeAnn, "month"), plans.acme.month] as const;
  promised(`acme never got more than it pays for: ${months.join(" of ")}`, months[0] <= months[1]);
  promised("globex has all it had", await counters(stage.limiter, globexGus), othersBefore);
  promised("and is served", !isRefused(await ask(clientOf(stage, "gus"))));
}

async function impossible(stage: Stage): Promise<void> {
  act(`5. A call on ${stage.name} that no waiting can help`);
  const before = await counters(stage.limiter, acmeAnn);
  const client = clientOf(stage, "ann", { maxRetries: 2 });
  const book = question(100, "Why is the sky blue, and the sea, and the ice? ".repeat(200));
  const answer = await ask(client, book);
  const { inputToken } = estimateOf(stage.limiter, acmeAnn, book);
  promised(
    `${String(inputToken)} tokens to read never fit in ${String(plans.acme.day)} a day: refused, without a time to come back`,
    isRefused(answer) && [answer.retryAfter, answer.shouldRetry],
    [null, "false"],
  );
  promised("the client does not try again", client.responses.length, 1);
  promised("every counter is as it was", await counters(stage.limiter, acmeAnn), before);
}

async function play(): Promise<void> {
  // With a larger burst than the plan says, promises break: the demo notices.
  const sabotage = process.env["TOLLGATE_DEMO_SABOTAGE"] === "1";
  const limits = limitsOf(plans.acme.capacity + (sabotage ? 1 : 0));
  const standIn = await startStandInLlm();
  const model = { url: standIn.url, key: "none" };
  const express = await openStage("express", startExpress, limits, model);
  const koa = await openStage("koa", startKoa, limits, model);
  const fastify = await openStage("fastify", startFastify, limits, model);
  const stages = [express, koa, fastify];

  console.log("One model, three servers, three tenants. Nothing leaves this machine.\n");
  for (const { name, url } of [{ name: "model", url: standIn.url }, ...stages]) {
    console.log(`   ${name.padEnd(8)} ${url}`);
  }
  console.log(`\n${planLines.join("\n")}`);

  await admission(stages);
  await burst(express);
  await retry(stages);
  await quota(koa);
  await impossible(fastify);
  await streaming(stages);
  await brokenOff(stages);

  await Promise.all([...stages, standIn].map(async ({ close }) => close()));
}

const startMs = performance.now();
const seconds = (): string => ((performance.now() - startMs) / 1000).toFixed(1);

// A demo that hangs has broken its promise, too.
setTimeout(() => {
  console.error("The demo did not end within 55 s.");
  process.exit(1);
}, 55_000).unref();

async function main(): Promise<void> {
  try {
    await play();
    if (conclude(seconds()) > 0) process.exitCode = 1;
  } catch (error) {
    console.error("The demo broke off:", error);
    process.exit(1);
  }
}

void main();
