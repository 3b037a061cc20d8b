import { type Client, clients } from "./official-clients.clients.ts";
import type { Run, Runs } from "./official-clients.runs.ts";
import { type Framework, frameworks } from "./official-clients.stage.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

const ends = { answered: "succeeds", failed: "stops", aborted: "still waits" } as const;

/** Such as "told 2 s or 2034 ms: 2.04 s, succeeds". */
function cellOf({ attempts: [refused], gapsMs, outcome }: Run): string {
  const field = refused?.field ?? String;
  const waits = [...gapsMs.map(seconds), ends[outcome]].join(", ");
  return outcome === "answered"
    ? `told ${field("retry-after")} s or ${field("retry-after-ms")} ms: ${waits}`
    : waits;
}

const rowOf = (runs: Runs, scenarios: readonly string[], client: Client, framework: Framework) => [
  client.name,
  framework,
  ...scenarios.map((scenario) => cellOf(runs.of(scenario, framework, client))),
];

/** The measured time before each retry, and the end, by client, framework and scenario. */
export function tableOf(runs: Runs, scenarios: readonly string[]): string {
  const rows: readonly (readonly string[])[] = [
    ["client", "framework", ...scenarios],
    ...clients.flatMap((client) =>
      frameworks.map((framework) => rowOf(runs, scenarios, client, framework)),
    ),
  ];
  const widths = rows.reduce<readonly number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | "))
    .join("\n");
}
