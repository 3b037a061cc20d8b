import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and its server, and counts how often one waits for the other. */
export interface CountingProxy {
  /** The server's address with the proxy in its place. */
  readonly url: string;
  /** Since the last time it was asked: how often data went to the server after some had come back. */
  readonly roundTrips: () => number;
  readonly close: () => Promise<void>;
}

export async function countingProxy(url: string): Promise<CountingProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let trips = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    // Whether what went last is still to be answered.
    let asked = false;
    client.on("data", () => {
      if (!asked) trips += 1;
      asked = true;
    });
    upstream.on("data", () => {
      asked = false;
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = new URL(url);
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("the proxy has no port");
  near.port = String(address.port);
  return {
    url: near.href,
    roundTrips: () => {
      const counted = trips;
      trips = 0;
      return counted;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
