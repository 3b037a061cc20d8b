/** Milliseconds since the Unix epoch, as an integer. Stores shared by processes bring their own. */
export type Clock = () => number;

/** The clock of this process: the only place that reads it. */
export const systemClock: Clock = () => Date.now();
