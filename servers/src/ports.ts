import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ports that a system gives to outgoing connections (32768 and up on Linux): while a server is down, a
// client that reconnects could get the server's own port there, and would then talk to itself. The upper end leaves
// room for the bus of a Redis cluster node, which is 10000 higher.
const lowest = 10_000;
const beyond = 22_000;

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A loopback port that nobody listened on a moment ago: whoever uses it has to bear that it was taken since. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(lowest, beyond);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${beyond}`);
}
