import type { AdapterCase } from "./adapter-app.ts";
import { fieldCases } from "./adapter-fields.ts";
import { identityCases } from "./adapter-identities.ts";
import { lifecycleCases } from "./adapter-lifecycle.ts";
import { refusalCases } from "./adapter-refusals.ts";
import { routeCases } from "./adapter-routes.ts";

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
  ...routeCases,
  ...identityCases,
];
