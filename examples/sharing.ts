import type { Limiter } from "@tollgate/core";

/** Whom the examples of stores are about. */
export const ann = { tenant: "acme", user: "ann" };

/** What is the same on every store: two processes, each with a limiter of its own, and one budget. */
export async function share(
  one: Limiter,
  other: Limiter,
  say: (line: string) => void,
): Promise<void> {
  say("Two processes send 50 calls each, at the same time");
  const decisions = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => (n % 2 === 0 ? one : other).checkAndRecord(ann)),
  );
  const admitted = decisions.filter(({ allowed }) => allowed).length;
  say(`  ${String(admitted)} admitted, ${String(decisions.length - admitted)} refused`);

  say("What one reserves, the other sees and settles; once, however often it is told to");
  const bob = { tenant: "acme", user: "bob" };
  const { reservation } = await one.reserve(bob, { count: 1, token: 1_200 });
  for (const { held } of await other.reservations(bob)) {
    say(`  open: holds ${String(held["token"])} tokens`);
  }
  const id = reservation?.id ?? "";
  for (const process of [other, one]) {
    const { outcome, applied, cost } = await process.settle(id, { token: 900 });
    say(`  ${outcome} at ${String(cost["token"])} tokens, ${applied ? "now" : "before"}`);
  }
  say(`  ${String((await one.reservations(bob)).length)} open`);

  say("In the end both see the same");
  for (const { limit, current, max } of await other.usage(ann)) {
    say(`  ${limit}: ${String(current)} of ${String(max)}`);
  }
}

/** So that an example says the same when it runs again on the same database. */
export async function startAnew(limiter: Limiter): Promise<void> {
  await limiter.reset(ann);
  await limiter.reset({ tenant: "acme", user: "bob" });
}
