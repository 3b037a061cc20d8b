import { afterAll, beforeAll, describe } from "@jest/globals";
import { type RunningServer, skipReason } from "@tollgate/servers";
import Database from "better-sqlite3";

import { type BackendName, backendNames, serverOf, startServer } from "./backends.ts";

/** Where a backend can be reached while its tests run. */
export interface Place {
  readonly backend: BackendName;
  /** Of the server, or the path of the file. */
  readonly url: () => string;
  /** `undefined` where there is none, or it is somebody else's. */
  readonly server: () => RunningServer | undefined;
}

function reasonToSkip(backend: BackendName): string | undefined {
  const kind = serverOf(backend);
  if (kind !== undefined) return skipReason(backend, kind);
  try {
    new Database(":memory:").close();
    return undefined;
  } catch {
    return `SKIPPED: ${backend}, needs better-sqlite3 to be compiled`;
  }
}

/** Runs tests on each backend, on a server of their own. Says so where a server is missing. */
export function eachBackend(
  define: (place: Place) => void,
  {
    backends = backendNames,
    isDurable = true,
  }: { readonly backends?: readonly BackendName[]; readonly isDurable?: boolean } = {},
): void {
  for (const backend of backends) {
    const skipped = reasonToSkip(backend);
    if (skipped !== undefined) process.stderr.write(`${skipped}\n`);
    const suite = skipped === undefined ? describe : describe.skip;
    suite(backend, () => {
      let running: Awaited<ReturnType<typeof startServer>> | undefined;

      beforeAll(async () => {
        running = await startServer(backend, isDurable);
      });

      afterAll(async () => {
        await running?.stop();
      });

      define({
        backend,
        url: () => running?.url ?? "",
        server: () => running?.server,
      });
    });
  }
}

/** Puts a measured figure where who runs the tests sees it. */
export function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
