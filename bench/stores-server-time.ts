import { readFileSync } from "node:fs";

// The unit of /proc, which Linux has not changed in decades whatever the kernel's own.
const TICK_MS = 10;

/** User and system time of a process, with that of the children it has collected. */
function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0;
  }
}

function childrenOf(pid: number): readonly number[] {
  const path = `/proc/${String(pid)}/task/${String(pid)}/children`;
  return readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number);
}

/** The processor time that a server and its children have used, in ms; known on Linux only. */
export function serverMs(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    return [pid, ...childrenOf(pid)].reduce((sum, each) => sum + ticksOf(each), 0) * TICK_MS;
  } catch {
    return undefined;
  }
}
