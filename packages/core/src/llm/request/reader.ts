import type { Fields } from "./fields.ts";
import type { Route } from "./route.ts";
import type { Tally } from "./tally.ts";

/** What a body says besides its text. */
export interface Reading {
  /** Most tokens of one answer. */
  readonly cap: number | undefined;
  /** Answers that are generated; 1 unless said. */
  readonly multiplicity?: number;
  /** Whether it streams; without it the route or the format's default tells. */
  readonly stream?: boolean;
  readonly conversation?: string | undefined;
  /** Whether the stream will carry usage; true unless said. */
  readonly usageRequested?: boolean;
}

/** Tells the tally what a body of one format has the model read, and returns the rest. */
export type RequestReader = (body: Fields, tally: Tally, route: Route) => Reading;
