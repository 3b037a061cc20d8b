import { setTimeout as pause } from "node:timers/promises";

const ATTEMPTS = 5;
const LONGEST_PAUSE_MS = 8;

/**
 * States in which the statement was taken back whole: a deadlock, a conflict under a stricter
 * isolation than the one it is made for, and a reservation that somebody else was just making.
 */
const TAKEN_BACK = new Set(["40001", "40P01", "23505"]);

const wasTakenBack = (error: unknown): boolean =>
  error instanceof Error && "code" in error && TAKEN_BACK.has(String(error.code));

/** Repeats what the database has taken back, a few times. */
export async function withRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (attempts === ATTEMPTS || !wasTakenBack(error)) throw error;
    }
    await pause(Math.random() * attempts * LONGEST_PAUSE_MS);
  }
}
