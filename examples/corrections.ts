/**
 * Usage put right by hand: penalties and rewards around a login, a block, and lists of addresses.
 *
 *     pnpm example examples/corrections.ts
 */
import { createLimiter, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

type Say = (line: string) => void;

/** A wrong password costs as much as five attempts in all. */
const PENALTY = 4;
const WRONG_IN_A_ROW = 3;
const BLOCKED_FOR_MS = 900_000;

/** @param say told each line */
export function run(say: Say = console.log): void {
  const clock = manualClock();
  const limiter = createLimiter({
    scope: "ip",
    limits: [{ type: "count", window: "hour", limit: 20, name: "logins" }],
    // The office is never limited, and a network that has been nothing but trouble never served.
    allow: { ip: ["10.0.0.0/8"] },
    deny: { ip: ["203.0.113.0/24", "2001:db8::/32"] },
    store: memoryStore({ clock: clock.now }),
    onEvent: (event) => {
      if (event.type === "adjusted") say(`    event: adjusted by ${String(event.cost["count"])}`);
      if (event.type !== "blocked") return;
      const { untilMs } = event;
      say(
        untilMs === undefined
          ? "    event: block lifted"
          : `    event: blocked for ${String((untilMs - clock.now()) / 1000)} s`,
      );
    },
  });
  const wrongInARow = new Map<string, number>();

  const logIn = (ip: string, password: string): void => {
    const decision = limiter.checkAndRecord({ ip });
    if (!decision.allowed) {
      say(`  ${ip}: the password is not even looked at; ${decision.reason ?? ""}`);
      return;
    }
    const wrong = wrongInARow.get(ip) ?? 0;
    if (password === "correct") {
      say(`  ${ip}: welcome`);
      wrongInARow.delete(ip);
      if (wrong > 0) limiter.adjust({ ip }, { count: -wrong * (1 + PENALTY) });
      return;
    }
    say(`  ${ip}: wrong`);
    if (decision.usages.length === 0) return; // no limit was asked
    wrongInARow.set(ip, wrong + 1);
    limiter.adjust({ ip }, { count: PENALTY });
    if (wrong + 1 >= WRONG_IN_A_ROW) limiter.block({ ip }, { durationMs: BLOCKED_FOR_MS });
  };
  const report = (ip: string): void => {
    const [usage] = limiter.usage({ ip });
    say(`  ${ip}: ${String(usage?.current)} of ${String(usage?.max)} used`);
  };

  say("A wrong password costs five attempts; who knows it in the end gets them back");
  const guest = "198.51.100.7";
  logIn(guest, "wrong");
  logIn(guest, "wrong");
  report(guest);
  logIn(guest, "correct");
  report(guest);

  say("Three in a row are a block, whatever is left");
  const guesser = "198.51.100.8";
  for (let attempt = 0; attempt < 4; attempt += 1) logIn(guesser, "wrong");
  report(guesser);

  say("A block ends by itself, and usage has stayed");
  clock.advance(BLOCKED_FOR_MS);
  report(guesser);
  logIn(guesser, "wrong");

  say("... or when it is lifted; here what was used is forgotten as well");
  limiter.unblock({ ip: guesser });
  limiter.reset({ ip: guesser });
  wrongInARow.delete(guesser);
  logIn(guesser, "correct");
  report(guesser);

  say("Who is on a list meets no limit: always refused, or never");
  logIn("203.0.113.99", "correct");
  logIn("2001:db8:7::1", "correct");
  logIn("10.1.2.3", "wrong");
  logIn("10.1.2.3", "correct");
  limiter.close();
}

if (isMain(import.meta.url)) run();
