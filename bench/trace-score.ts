/** How a rule did. Shares are of 1. */
export interface Row {
  readonly rule: string;
  /** Mean over windows of the real tokens of admitted calls, per limit; more than 1 counts as 1. */
  readonly utilisation: number;
  /** By how much of the limit the worst window, and the 99th percentile of them, was above it. */
  readonly worstOvershoot: number;
  readonly p99Overshoot: number;
  /** Windows above the limit. */
  readonly windowsOver: number;
  /** Calls refused, of all calls. */
  readonly refused: number;
  /** Windows that were scored. */
  readonly windows: number;
}

interface TenantWindow {
  /** Tokens of all calls that arrived. */
  demand: number;
  /** Tokens of those that were admitted. */
  admitted: number;
}

const above = (use: number | undefined): number => Math.max(0, (use ?? 0) - 1);

/**
 * Counts the real tokens of what was admitted in a tenant's window, whenever it was settled. Only
 * windows in which at least the limit was asked for say something about a rule.
 */
export class Score {
  readonly #limit: number;
  readonly #windows = new Map<string, TenantWindow>();
  #calls = 0;
  #refused = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(tenant: string, windowEndMs: number, tokens: number, admitted: boolean): void {
    const key = `${tenant} ${String(windowEndMs)}`;
    const window = this.#windows.get(key) ?? { demand: 0, admitted: 0 };
    this.#windows.set(key, window);
    window.demand += tokens;
    this.#calls += 1;
    if (admitted) window.admitted += tokens;
    else this.#refused += 1;
  }

  row(rule: string): Row {
    const uses = [...this.#windows.values()]
      .filter(({ demand }) => demand >= this.#limit)
      .map(({ admitted }) => admitted / this.#limit)
      .toSorted((a, b) => a - b);
    return {
      rule,
      utilisation: uses.reduce((sum, use) => sum + Math.min(1, use), 0) / uses.length,
      worstOvershoot: above(uses.at(-1)),
      p99Overshoot: above(uses[Math.ceil(0.99 * uses.length) - 1]),
      windowsOver: uses.filter((use) => use > 1).length / uses.length,
      refused: this.#refused / this.#calls,
      windows: uses.length,
    };
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The rows as text, in columns. */
export function tableOf(rows: readonly Row[]): string {
  const head = ["rule", "utilisation", "worst", "p99", "windows over", "refused"];
  const cells = rows.map((row) => [
    row.rule,
    ...[row.utilisation, row.worstOvershoot, row.p99Overshoot, row.windowsOver, row.refused].map(
      percent,
    ),
  ]);
  return [head, ...cells]
    .map(([rule = "", ...figures]) =>
      [rule.padEnd(32), ...figures.map((figure) => figure.padStart(13))].join(""),
    )
    .join("\n");
}
