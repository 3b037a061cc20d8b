import { bucketCases } from "./contract/bucket.ts";
import type { ContractCase } from "./contract/contract-case.ts";
import { decisionCases } from "./contract/decision.ts";
import { identityCases } from "./contract/identity.ts";
import { reservationCases } from "./contract/reservation.ts";
import { storeCases } from "./contract/store.ts";
import { windowCases } from "./contract/windows.ts";

/**
 * What every store promises, as data: run each case with a function that makes an empty store.
 * No test runner is needed; a case rejects when the promise is broken.
 *
 * Not here, with the reason: D-WIN-05, D-STO-03 and D-STO-04 need several processes or a client;
 * D-DEC-09 and D-RES-06 need a store that can be made to fail; D-RES-09, -11 and -14 are the
 * gate's; D-RES-15 waits for the limit type `concurrency`, D-WIN-06 to -08 for calendar and sliding
 * windows.
 *
 * @example
 * test.each(storeContract)("$name", ({ run }) => run(({ now }) => memoryStore({ clock: now })));
 */
export const storeContract: readonly ContractCase[] = [
  ...decisionCases,
  ...windowCases,
  ...bucketCases,
  ...reservationCases,
  ...identityCases,
  ...storeCases,
];
