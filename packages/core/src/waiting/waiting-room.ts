import type { Scheduler } from "../clock.ts";
import { attempt, isPromise, next } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import { Alarm } from "./alarm.ts";
import { Lines } from "./lines.ts";
import { Places } from "./places.ts";
import type { Line } from "./queues.ts";
import { Waiter } from "./waiter.ts";
import type { Attempt, Waited, WaitingCall, WaitingStats, WaitOutcome } from "./waiting-call.ts";

export type { Attempt, Waited, WaitingCall, WaitingStats, WaitOutcome } from "./waiting-call.ts";

/** The bounds of a {@link WaitingRoom}. */
export interface WaitingRoomOptions {
  /** How many calls may wait at one time. */
  readonly maxWaiting: number;
  /** How many of them may be of one subject. */
  readonly maxPerSubject: number;
  /** How often the limits are asked again, in ms, where only the latest time is known. */
  readonly recheckMs: number;
  readonly scheduler: Scheduler;
}

/** After how many calls a run lets the event loop go on. */
const STEPS_PER_RUN = 1000;

/**
 * Where calls wait until their limits have room for them.
 *
 * Whoever comes goes straight to its limits unless calls of its subject, or for one of its cells,
 * wait already. The calls of a subject are asked for by priority, then as they came; the subjects
 * that wait for one cell take turns, each admission putting its subject last. Only who is first for
 * a cell is asked for, again and again until it is in, so a large call is not starved by small ones:
 * when it gets to the front, when the wait it was told has passed, when something was given back,
 * and every `recheckMs` where only the latest time is known. Never two at a time for one cell, and
 * all by one timer.
 *
 * No call starves. If nobody else spends, who is first for a cell is in when the wait that it was
 * told has passed, and with `k` calls to go before it a call waits for at most `k + 1` such waits
 * in a row. Of `S` subjects that wait for one cell, each has one of any `S` admissions. Calls of
 * higher priority delay only those of their own subject.
 */
export class WaitingRoom<D> {
  readonly #options: WaitingRoomOptions;
  readonly #scheduler: Scheduler;
  readonly #lines = new Lines<D>();
  readonly #places: Places<D>;
  readonly #alarm: Alarm;
  readonly #counts = {
    entered: 0,
    queued: 0,
    admitted: 0,
    refused: 0,
    timedOut: 0,
    overflowed: 0,
    closed: 0,
    abandoned: 0,
    failed: 0,
    longestWaitMs: 0,
  };
  #running = false;
  #closed = false;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler;
    this.#places = new Places<D>(this.#lines, (waiter) => {
      this.#abandon(waiter);
    });
    this.#alarm = new Alarm(options.scheduler, () => {
      this.#run();
    });
  }

  /** How many calls wait. */
  get size(): number {
    return this.#places.size;
  }

  stats(): WaitingStats {
    return { waiting: this.size, subjects: this.#places.subjects, ...this.#counts };
  }

  /**
   * Asks for `call` as soon as it may be. While the limits are being asked neither its time nor its
   * signal ends it: what they admit is admitted, to be given back by who does not want it any more.
   *
   * Rejects with the signal's reason, or with what `ask` or `look` failed with.
   */
  enter(call: WaitingCall<D>): Promise<Waited<D>> {
    return new Promise((resolve, reject) => {
      const arrival = this.#counts.entered;
      const waiter = new Waiter(call, { resolve, reject }, arrival, this.#scheduler.now());
      this.#counts.entered += 1;
      if (call.signal?.aborted === true) this.#abandon(waiter);
      else if (this.#closed) this.#turnAway(waiter, "closed");
      else if (this.#mustQueue(waiter)) this.#join(waiter);
      else this.#ask(waiter, undefined);
      if (this.size > 0) this.#run();
    });
  }

  /** Something was given back in these cells, or in any: who is first for them is asked for again. */
  freed(cells?: readonly string[]): void {
    if (this.#lines.idle) return;
    this.#lines.freed(cells);
    this.#run();
  }

  /** Turns away everybody who waits, and who comes later. */
  close(): void {
    this.#closed = true;
    this.#endUntil(Number.POSITIVE_INFINITY, "closed", Number.POSITIVE_INFINITY);
    this.#setAlarm();
  }

  #mustQueue(waiter: Waiter<D>): boolean {
    if (this.size === 0) return false;
    return this.#places.queueOf(waiter) !== undefined || this.#lines.awaited(waiter.call.cells);
  }

  #join(waiter: Waiter<D>): void {
    const { maxWaiting, maxPerSubject } = this.#options;
    const own = this.#places.queueOf(waiter)?.size ?? 0;
    if (this.size >= maxWaiting || own >= maxPerSubject) {
      this.#turnAway(waiter, "overflowed");
      return;
    }
    this.#counts.queued += 1;
    waiter.queued = true;
    const queue = this.#places.add(waiter);
    // Others come first, and are known to wait for longer than this one may.
    if (this.#lines.busyUntil(queue) > waiter.deadlineMs) this.#turnAway(waiter, "refused");
  }

  /** Does whatever is due by now. */
  #run(): void {
    // What happens while the limits are being asked is seen by the run that asks.
    if (this.#running) return;
    this.#running = true;
    const nowMs = this.#scheduler.now();
    // Who is due at the moment its time ends is asked for. Who gets to the front because others leave
    // is asked for by the alarm, after all whose time is over: else each would be, in vain.
    const steps = this.#askUntil(nowMs, STEPS_PER_RUN);
    this.#endUntil(nowMs, "timedOut", steps);
    this.#running = false;
    this.#setAlarm();
  }

  #setAlarm(): void {
    this.#alarm.set(Math.min(this.#lines.nextMs, this.#places.nextMs));
  }

  /** @returns how many of `steps` are left */
  #askUntil(nowMs: number, steps: number): number {
    for (let left = steps; left > 0; left -= 1) {
      const line = this.#lines.due(nowMs);
      const queue = line?.first;
      if (queue?.head === undefined) return left;
      if (!this.#lines.yields(queue)) this.#ask(queue.head, line);
    }
    return 0;
  }

  #endUntil(nowMs: number, outcome: "timedOut" | "closed", steps: number): void {
    for (let left = steps; left > 0; left -= 1) {
      const late = this.#places.takeLate(nowMs);
      if (late === undefined) return;
      // The answer ends it otherwise.
      if (!late.asking) this.#turnAway(late, outcome);
    }
  }

  /** @param line where it is first, if it has a place */
  #ask(waiter: Waiter<D>, line: Line<D> | undefined): void {
    waiter.asking = true;
    waiter.askedAt = this.#lines.givenBack;
    if (line !== undefined) line.asking = true;
    let asked: MaybePromise<Attempt<D>>;
    try {
      asked = waiter.call.ask();
    } catch (error) {
      this.#failed(waiter, line, error);
      return;
    }
    if (isPromise(asked)) void this.#hear(waiter, line, asked);
    else this.#answered(waiter, line, asked);
  }

  // Never rejects: what the answer leads to is told to who entered.
  async #hear(
    waiter: Waiter<D>,
    line: Line<D> | undefined,
    asked: Promise<Attempt<D>>,
  ): Promise<void> {
    const { cells } = waiter.call;
    // What is given back meanwhile may not be in the answer yet, whichever cell that will name.
    this.#lines.watch(cells);
    if (line !== undefined) this.#lines.refresh(line);
    const [answer] = await Promise.allSettled([asked]);
    if (answer.status === "fulfilled") this.#answered(waiter, line, answer.value);
    else this.#failed(waiter, line, answer.reason);
    this.#lines.unwatch(cells);
    this.#run();
  }

  #asked(waiter: Waiter<D>, line: Line<D> | undefined): void {
    waiter.asking = false;
    if (line === undefined) return;
    line.asking = false;
    this.#lines.refresh(line);
  }

  #answered(waiter: Waiter<D>, line: Line<D> | undefined, answer: Attempt<D>): void {
    this.#asked(waiter, line);
    if (!answer.admitted) {
      this.#told(waiter, answer);
      return;
    }
    this.#leave(waiter, "served");
    this.#end(waiter, "admitted", answer.decision, undefined);
  }

  #failed(waiter: Waiter<D>, line: Line<D> | undefined, error: unknown): void {
    this.#asked(waiter, line);
    this.#counts.failed += 1;
    this.#leave(waiter);
    waiter.ending.reject(error);
  }

  /** Goes on with a call that its limits have refused. */
  #told(waiter: Waiter<D>, answer: Attempt<D>): void {
    const { retryAfterMs, exact, blockedBy } = answer;
    const nowMs = this.#scheduler.now();
    // At least 1 ms, or a store that says 0 would be asked without end.
    const waitMs = Math.max(1, retryAfterMs ?? 0);
    waiter.told = answer;
    waiter.fitsMs = nowMs + waitMs;
    waiter.dueMs = exact ? waiter.fitsMs : nowMs + Math.min(waitMs, this.#options.recheckMs);
    waiter.waitsFor = blockedBy ?? waiter.call.cells[0] ?? "";
    if (waiter.call.signal?.aborted === true) this.#abandon(waiter);
    else if (this.#closed) this.#turnAway(waiter, "closed");
    else if (retryAfterMs === undefined) this.#turnAway(waiter, "refused");
    else if (waiter.queued && waiter.deadlineMs <= nowMs) this.#turnAway(waiter, "timedOut");
    else if (exact && waiter.fitsMs > waiter.deadlineMs) this.#turnAway(waiter, "refused");
    else if (waiter.queued) this.#places.replace(waiter);
    else this.#join(waiter);
  }

  #abandon(waiter: Waiter<D>): void {
    // Only the answer tells whether it was charged.
    if (waiter.asking) return;
    this.#counts.abandoned += 1;
    this.#leave(waiter);
    waiter.ending.reject(waiter.call.signal?.reason);
    // Later, by the alarm: many may be abandoned at once, and the next in line only to be so too.
    this.#setAlarm();
  }

  #turnAway(waiter: Waiter<D>, outcome: Exclude<WaitOutcome, "admitted">): void {
    const { told, call, ending } = waiter;
    const headMs = this.#places.queueOf(waiter)?.head?.fitsMs ?? 0;
    const othersMs = Math.max(headMs, this.#lines.fitsMs(call.cells));
    this.#leave(waiter);
    const end = (last: Attempt<D>, fitsMs: number): void => {
      const waitMs = Math.ceil(Math.max(fitsMs, othersMs) - this.#scheduler.now());
      const useless = !last.admitted && last.retryAfterMs === undefined;
      this.#end(waiter, outcome, last.decision, useless ? undefined : Math.max(1, waitMs));
    };
    if (told !== undefined) {
      end(told, waiter.fitsMs);
      return;
    }
    const looked = next(attempt(call.look), (last) => {
      end(last, this.#scheduler.now() + (last.retryAfterMs ?? 0));
    });
    if (isPromise(looked)) looked.catch(ending.reject);
  }

  #leave(waiter: Waiter<D>, lastTurn: "served" | "kept" = "kept"): void {
    if (!waiter.queued) return;
    const waitedMs = this.#scheduler.now() - waiter.enteredMs;
    this.#counts.longestWaitMs = Math.max(this.#counts.longestWaitMs, waitedMs);
    this.#places.remove(waiter, lastTurn);
  }

  #end(
    { queued, ending, enteredMs }: Waiter<D>,
    outcome: WaitOutcome,
    decision: D,
    retryAfterMs: number | undefined,
  ): void {
    this.#counts[outcome] += 1;
    const waitedMs = queued ? this.#scheduler.now() - enteredMs : 0;
    ending.resolve({ outcome, decision, waitedMs, retryAfterMs, queued });
  }
}
