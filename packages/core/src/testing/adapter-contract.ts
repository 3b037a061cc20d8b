import type { AdapterCase } from "./adapter-app.ts";
import { fieldCases } from "./adapter-fields.ts";
import { identityCases } from "./adapter-identities.ts";
import { lifecycleCases } from "./adapter-lifecycle.ts";
import { estimateCases } from "./adapter-metering-estimates.ts";
import { reservationCases } from "./adapter-metering-reservations.ts";
import { settlementCases } from "./adapter-metering-settlements.ts";
import { streamCases } from "./adapter-metering-streams.ts";
import { meteringCases } from "./adapter-metering.ts";
import { refusalCases } from "./adapter-refusals.ts";
import { routeCases } from "./adapter-routes.ts";
import { vocabularyCases } from "./adapter-vocabulary.ts";

/**
 * What every adapter promises, over real sockets, whatever the framework. An adapter's tests give
 * each case a function that builds an application as it is described.
 *
 * @example
 * test.each(adapterContract)("$name", ({ run }) => run(makeExpressApp))
 */
export const adapterContract: readonly AdapterCase[] = [
  ...fieldCases,
  ...refusalCases,
  ...lifecycleCases,
  ...meteringCases,
  ...streamCases,
  ...settlementCases,
  ...reservationCases,
  ...estimateCases,
  ...routeCases,
  ...identityCases,
  ...vocabularyCases,
];
