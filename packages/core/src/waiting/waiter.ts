import type { HeapOrder } from "./heap.ts";
import type { Attempt, Waited, WaitingCall } from "./waiting-call.ts";

/** How the promise of a call is settled. */
export interface Ending<D> {
  readonly resolve: (waited: Waited<D>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A call with a place in the queue of its subject, or one that is about to get one. */
export class Waiter<D> {
  readonly call: WaitingCall<D>;
  readonly ending: Ending<D>;
  readonly arrival: number;
  readonly enteredMs: number;
  readonly deadlineMs: number;
  /** When it is to be asked if it is its turn: at any time, before it was told to wait. */
  dueMs: number;
  /** What it was told last. */
  told: Attempt<D> | undefined;
  /** When it will fit by that. */
  fitsMs: number;
  /** The cell that refused it, or that others wait for who come first. */
  waitsFor: string | undefined;
  /** Which of the times that something was given back preceded the last question. */
  askedAt = 0;
  asking = false;
  queued = false;
  placeInQueue = -1;
  placeByDeadline = -1;

  constructor(call: WaitingCall<D>, ending: Ending<D>, arrival: number, enteredMs: number) {
    this.call = call;
    this.ending = ending;
    this.arrival = arrival;
    this.enteredMs = enteredMs;
    this.deadlineMs = enteredMs + call.maxWaitMs;
    this.dueMs = enteredMs;
    this.fitsMs = enteredMs;
  }
}

/** Waiting calls by the end of their patience. */
export const byDeadline: HeapOrder<{ readonly deadlineMs: number; placeByDeadline: number }> = {
  before: (a, b) => a.deadlineMs < b.deadlineMs,
  placeOf: ({ placeByDeadline }) => placeByDeadline,
  setPlace: (waiter, place) => {
    waiter.placeByDeadline = place;
  },
};
