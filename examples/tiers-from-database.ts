/**
 * Limits out of a database: each tenant's tier, and numbers of its own where it has some.
 *
 *     pnpm example examples/tiers-from-database.ts
 */
import { createLimiter, type LimitOverride, type TierPolicy, tiers } from "@tollgate/core";
import initSqlJs, { type Database } from "sql.js";

import { isObject, parseObject } from "./json.ts";
import { isMain } from "./serve.ts";

const TENANTS = `
  CREATE TABLE tenants (
    tenant    TEXT PRIMARY KEY,
    tier      TEXT NOT NULL,
    overrides TEXT,
    suspended INTEGER NOT NULL DEFAULT 0
  );
  INSERT INTO tenants VALUES
    ('acme',    'developer', NULL, 0),
    ('globex',  'pro',       NULL, 0),
    ('initech', 'developer', '{"count-per-minute-tenant": {"limit": 15}}', 0),
    ('hooli',   'pro',       NULL, 1);
`;

const isTier = (tier: unknown): tier is keyof typeof tiers =>
  typeof tier === "string" && Object.hasOwn(tiers, tier);

// The limiter checks what they say: a wrong one fails the call, and admits nothing.
const areOverrides = (value: unknown): value is Readonly<Record<string, LimitOverride>> =>
  isObject(value);

/** What the table says of a tenant; `undefined` when it does not know it. */
function policyOf(database: Database, tenant: string): TierPolicy | undefined {
  const query = "SELECT tier, overrides, suspended FROM tenants WHERE tenant = ?";
  const [row] = database.exec(query, [tenant]).flatMap(({ values }) => values);
  if (row === undefined) return undefined;
  const [tier, json, suspended] = row;
  if (!isTier(tier)) throw new Error(`tenant ${tenant} is of no tier: ${String(tier)}`);
  const overrides = typeof json === "string" ? parseObject(json) : {};
  if (!areOverrides(overrides)) throw new Error(`tenant ${tenant} has overrides that are none`);
  return { limits: tiers[tier], overrides, suspended: suspended === 1 };
}

/** @param say told each line */
export async function run(say: (line: string) => void = console.log): Promise<void> {
  const { Database } = await initSqlJs();
  const database = new Database();
  database.run(TENANTS);
  const limiter = createLimiter({
    scope: "tenant",
    limits: async ({ tenant }) => policyOf(database, tenant ?? ""),
    // All users of a tenant share its policy, so it is looked up once for all of them.
    lookup: { key: ({ tenant }) => tenant ?? "", ttlMs: 60_000 },
  });

  const burst = async (tenant: string): Promise<void> => {
    let admitted = 0;
    let reason = "";
    for (let call = 1; call <= 12; call += 1) {
      const decision = await limiter.checkAndRecord({ tenant, user: `user-${String(call)}` });
      if (decision.allowed) admitted += 1;
      else ({ reason = "" } = decision);
    }
    say(`  ${tenant}: ${String(admitted)} of 12 calls admitted${reason && `; ${reason}`}`);
  };

  say("A developer has 10 calls a minute, a pro 60");
  await burst("acme");
  await burst("globex");

  say("A developer with a number of its own has 15");
  await burst("initech");

  say("Who is suspended, or unknown, has none");
  await burst("hooli");
  await burst("umbrella");

  say("Acme upgrades, which is noticed at once if the limiter is told, or else within a minute");
  database.run("UPDATE tenants SET tier = 'pro' WHERE tenant = 'acme'");
  await burst("acme");
  limiter.forgetLimits({ tenant: "acme" });
  await burst("acme");

  say("What it had used before still counts");
  for (const { limit, current, max } of await limiter.usage({ tenant: "acme" })) {
    say(`  ${limit}: ${String(current)} of ${String(max)} used`);
  }
  await limiter.close();
  database.close();
}

if (isMain(import.meta.url)) void run();
