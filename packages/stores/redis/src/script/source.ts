import { begin } from "./begin.ts";
import { bucket } from "./bucket.ts";
import { decide } from "./decide.ts";
import { find } from "./find.ts";
import { items } from "./items.ts";
import { jobs } from "./jobs.ts";
import { kernel } from "./kernel.ts";
import { record } from "./record.ts";
import { reservations } from "./reservations.ts";
import { save } from "./save.ts";
import { usual } from "./usual.ts";
import { windows } from "./windows.ts";

// Every call of a script makes its functions anew, which takes longer than a usual decision does.
const rules = `
local made
rules = function()
if made then return made end
${[items, windows, bucket, kernel, record, decide, reservations].join("\n")}
made = {
  decide = decide,
  forgetJob = forgetJob,
  pullBack = pullBack,
  renewJob = renewJob,
  noteStarts = noteStarts,
  settleJob = settleJob,
}
return made
end
`;

/**
 * The port of `runTrip` to Lua: it moves the state and hands out what it was before; the answers are
 * worked out from that by `runTrip` itself. So nothing here computes a wait or words a reply, but
 * every decision and every number stored must be the same, to the last unit.
 *
 * KEYS are records, reservations, indexes; ARGV one packed array, and the details of new reservations.
 * It replies its clock and 1 when a calendar's boundaries do not hold, and then nothing has changed;
 * else its clock, 0, every record as it was, and for every reservation its numbers as they were and,
 * where they are needed, its details.
 */
export const tripScript: string = [begin, find, usual, rules, jobs, save].join("\n");
