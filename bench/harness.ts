import { cpus } from "node:os";

/** One side of a comparison. */
export interface Contender {
  readonly name: string;
  /** Makes so many calls, one after the other. What it returns keeps them from being optimised away. */
  readonly run: (calls: number) => number | Promise<number>;
}

/** One line of the report: a contender against what it is measured by. */
export interface Comparison {
  readonly title: string;
  readonly yardstick: Contender;
  readonly contender: Contender;
  /** The ratio that is aimed for, at most. */
  readonly target?: number;
}

/** A bench is a list of cases by name; each is run in a process of its own. */
export type Bench = Readonly<Record<string, () => void | Promise<void>>>;

const ROUNDS = 60;
const CALLS_PER_ROUND = 30_000;
const WARM_UP_ROUNDS = 8;

/**
 * Nanoseconds of processor time per call, the garbage collector's threads included. The clock on
 * the wall would also count the time other programs had the processor.
 */
async function timePerCallNs({ run }: Contender): Promise<number> {
  const before = process.cpuUsage();
  await run(CALLS_PER_ROUND);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / CALLS_PER_ROUND;
}

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);

/** The middle value. */
export const median = (values: readonly number[]): number =>
  sorted(values)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The least and the greatest value. */
export const spread = (values: readonly number[], digits: number): string =>
  `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;

/** Measures both sides in turns, so that a noisy moment meets both, and prints the ratio. */
export async function compare({ title, yardstick, contender, target }: Comparison): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    await yardstick.run(CALLS_PER_ROUND);
    await contender.run(CALLS_PER_ROUND);
  }
  const yardstickNs: number[] = [];
  const contenderNs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    yardstickNs.push(await timePerCallNs(yardstick));
    contenderNs.push(await timePerCallNs(contender));
  }
  const ratios = contenderNs.map((ns, round) => ns / (yardstickNs[round] ?? Number.NaN));
  const aim = target === undefined ? "" : `, target ≤ ${String(target)}`;
  console.log(`${title}: ${median(ratios).toFixed(2)} × ${yardstick.name}${aim}`);
  console.log(`    ratio ${spread(ratios, 2)} over ${String(ROUNDS)} rounds`);
  for (const [{ name }, ns] of [
    [contender, contenderNs],
    [yardstick, yardstickNs],
  ] as const) {
    console.log(`    ${name}: ${median(ns).toFixed(0)} ns (${spread(ns, 0)})`);
  }
}

/** What the figures depend on. */
export function environment(): string {
  const processors = cpus();
  const model = processors[0]?.model ?? "unknown processor";
  return [
    `node ${process.version}`,
    `V8 ${process.versions.v8}`,
    `${process.platform} ${process.arch}`,
    `${String(processors.length)} × ${model}`,
  ].join(", ");
}
