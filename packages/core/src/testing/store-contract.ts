import { bucketCases } from "./contract/bucket.ts";
import { calendarCases } from "./contract/calendar.ts";
import { concurrencyCases } from "./contract/concurrency.ts";
import type { ContractCase } from "./contract/contract-case.ts";
import { correctionCases } from "./contract/corrections.ts";
import { decisionCases } from "./contract/decision.ts";
import { equivalenceCases } from "./contract/equivalence.ts";
import { identityCases } from "./contract/identity.ts";
import { reservationCases } from "./contract/reservation.ts";
import { shadowCases } from "./contract/shadow.ts";
import { slidingCases } from "./contract/sliding.ts";
import { storeCases } from "./contract/store.ts";
import { windowCases } from "./contract/windows.ts";

/**
 * What every store promises, as data: run each case with a function that makes an empty store.
 * No test runner is needed; a case rejects when the promise is broken.
 *
 * Not here, with the reason: D-WIN-05, D-STO-03 and D-STO-04 need several processes or a client;
 * part of D-DEC-09, and D-RES-06, need a store that can be made to fail; D-RES-09, -11 and -14 are
 * the gate's.
 *
 * @example
 * test.each(storeContract)("$name", ({ run }) => run(({ now }) => memoryStore({ clock: now })));
 */
export const storeContract: readonly ContractCase[] = [
  ...decisionCases,
  ...windowCases,
  ...slidingCases,
  ...calendarCases,
  ...bucketCases,
  ...reservationCases,
  ...concurrencyCases,
  ...correctionCases,
  ...shadowCases,
  ...identityCases,
  ...storeCases,
  ...equivalenceCases(50),
];
