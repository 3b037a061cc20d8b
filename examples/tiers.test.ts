import { expect, test } from "@jest/globals";

import { run } from "./tiers-from-database.ts";

test("limits out of a database follow tier, override and suspension, and an upgrade keeps usage", async () => {
  const lines: string[] = [];
  await run((line) => lines.push(line));
  const outcomes = lines.flatMap((line) => {
    const [, tenant, admitted, reason = ""] =
      /^ {2}(\w+): (\d+) of 12 calls admitted(?:; (.*))?$/.exec(line) ?? [];
    return tenant === undefined ? [] : [{ tenant, admitted: Number(admitted), reason }];
  });
  expect(outcomes).toEqual([
    { tenant: "acme", admitted: 10, reason: expect.stringContaining("count-per-minute-tenant") },
    { tenant: "globex", admitted: 12, reason: "" },
    { tenant: "initech", admitted: 12, reason: "" },
    { tenant: "hooli", admitted: 0, reason: expect.stringContaining("suspended") },
    { tenant: "umbrella", admitted: 0, reason: expect.stringContaining("unknown-subject") },
    { tenant: "acme", admitted: 0, reason: expect.stringContaining("count-per-minute-tenant") },
    { tenant: "acme", admitted: 12, reason: "" },
  ]);
  expect(lines.slice(-2)).toEqual([
    "  token-per-day-tenant: 0 of 100000 used",
    "  count-per-minute-tenant: 22 of 60 used",
  ]);
});
