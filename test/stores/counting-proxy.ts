import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and its server, and counts how often one waits for the other. */
export interface CountingProxy {
  /** The server's address with the proxy in its place. */
  readonly url: string;
  /** Since the last time it was asked: how often data went to the server after some had come back. */
  readonly roundTrips: () => number;
  /** Lets the server do what it is told next, the nth time from now, and cuts the line before it can say so. */
  readonly loseReply: (nth: number) => void;
  readonly close: () => Promise<void>;
}

export async function countingProxy(url: string): Promise<CountingProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let trips = 0;
  let untilLoss = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    // Whether what went last is still to be answered.
    let asked = false;
    let isLost = false;
    client.on("data", () => {
      if (asked) return;
      asked = true;
      trips += 1;
      if (untilLoss === 0) return;
      untilLoss -= 1;
      isLost = untilLoss === 0;
    });
    upstream.on("data", () => {
      asked = false;
      if (isLost) {
        client.destroy();
        upstream.destroy();
      }
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
    loseReply: (nth) => {
      untilLoss = nth;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
