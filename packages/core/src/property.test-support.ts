import fc from "fast-check";

/** `TOLLGATE_SEED=<n>` repeats a run, `TOLLGATE_TEST_SIZE=long` makes every property twenty times as long. */
const seed = Number(process.env["TOLLGATE_SEED"] ?? Date.now() % 2 ** 31);
const factor = process.env["TOLLGATE_TEST_SIZE"] === "long" ? 20 : 1;

// Without the seed a failure that was seen once could not be seen again.
process.stdout.write(`properties run with TOLLGATE_SEED=${String(seed)}\n`);

/** How fast-check runs a property here. */
export const parameters = (runs: number = 1000): { seed: number; numRuns: number } => ({
  seed,
  numRuns: runs * factor,
});

/** Fails unless `predicate` holds for whatever `arbitrary` makes, at least 1,000 times. */
export function holds<T>(
  arbitrary: fc.Arbitrary<T>,
  predicate: (value: T) => void,
  runs?: number,
): void {
  fc.assert(fc.property(arbitrary, predicate), parameters(runs));
}
