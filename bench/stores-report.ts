import { appendFileSync, readFileSync } from "node:fs";

import { median, spread } from "./harness.ts";

/** A ratio between two sides that ran in turns, and what is aimed for. */
export interface Finding {
  /** Which case of the bench it is from. */
  readonly about: string;
  /** The database, with its version. */
  readonly database: string;
  readonly title: string;
  /** What it is measured by. */
  readonly against: string;
  readonly unit: string;
  /** Of Tollgate, round by round, and of the other side in the same rounds. */
  readonly own: readonly number[];
  readonly other: readonly number[];
  /** Whether more is better, as of calls per second, or less, as of time. */
  readonly better: "higher" | "lower";
  readonly target?: number;
  /** Neither side is better: a ratio that is worse counts as a loss. @default no ratio does */
  readonly par?: number;
}

/** Names the file that takes the findings, a line of JSON each: cases run in processes of their own. */
export const findingsVariable = "TOLLGATE_BENCH_FINDINGS";

const digitsOf = (value: number): number => (value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** Middle value and range. */
export function figure(values: readonly number[]): string {
  const middle = median(values);
  const digits = digitsOf(middle);
  const grouped = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${middle.toLocaleString("en", grouped)} (${spread(values, digits)})`;
}

const sign = ({ better }: Finding): string => (better === "higher" ? "≥" : "≤");

/** Round by round: what disturbs a round disturbs both sides. */
const ratiosOf = ({ own, other }: Finding): readonly number[] =>
  own.map((value, round) => value / (other[round] ?? Number.NaN));

const isAtLeast = (finding: Finding, value: number): boolean => {
  const ratio = median(ratiosOf(finding));
  return finding.better === "higher" ? ratio >= value : ratio <= value;
};

const headline = (finding: Finding): string => {
  const ratios = ratiosOf(finding);
  const range = spread(ratios, 2);
  return `${finding.title}: ${median(ratios).toFixed(2)} × ${finding.against} (${range})`;
};

function verdict(finding: Finding): string {
  const { target } = finding;
  if (target === undefined) return "";
  const reached = isAtLeast(finding, target) ? "reached" : "MISSED";
  return `, target ${sign(finding)} ${target.toFixed(1)} ${reached}`;
}

/** Prints it, and hands it to the summary. */
export function report(finding: Finding): void {
  console.log(`${headline(finding)}${verdict(finding)}`);
  const file = process.env[findingsVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(finding)}\n`);
}

/** Aligns the columns; all but the first to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  return rows.map((row) => `    ${line(row)}`).join("\n");
}

const isLoss = (finding: Finding): boolean =>
  finding.par !== undefined && !isAtLeast(finding, finding.par);

const lineOf = (finding: Finding): string => `    ${finding.about}, ${headline(finding)}`;

/** Prints which targets were reached, and where the other side is better. */
export function summarize(file: string): void {
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  if (lines.length === 0) return;
  const findings = lines.map((line): Finding => JSON.parse(line));
  console.log("\ntargets");
  for (const finding of findings) {
    if (finding.target !== undefined) console.log(lineOf(finding) + verdict(finding));
  }
  console.log("\nlosses: where the other side is better");
  const losses = findings.filter(isLoss);
  console.log(losses.length === 0 ? "    none" : losses.map(lineOf).join("\n"));
}
