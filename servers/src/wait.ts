import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 30;

/** Asks until the answer is yes, and says whether it was in time. */
export async function becomes(
  isSo: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}
