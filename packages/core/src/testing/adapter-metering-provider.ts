import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type ServerResponse,
} from "node:http";

import type { AdapterCase, MakeApp } from "./adapter-app.ts";
import { portOf } from "./adapter-app.ts";
import { appCase, signal } from "./adapter-stage.ts";

/** How a provider of the contract answers. */
export type Script = (to: ServerResponse, asked: Asked) => void | Promise<void>;

/** What a provider was sent. */
interface Asked {
  readonly body: Readonly<Record<string, unknown>>;
  /** The test lets the rest of the answer follow. */
  readonly goesOn: Promise<void>;
  /** Whether it has. */
  readonly told: () => boolean;
}

/** A model's server on loopback, from which handlers of the contract have their answers. */
export interface Provider {
  /** The bodies it was sent, in order. */
  readonly bodies: readonly Readonly<Record<string, unknown>>[];
  /** It was sent a request. */
  readonly asked: Promise<void>;
  /** Somebody hung up before the end of an answer. */
  readonly left: Promise<void>;
  readonly goOn: () => void;
  /** Sends a body, until `outgoing` is over, whose answer is to come of it. */
  readonly ask: (body: unknown, outgoing: ServerResponse) => Promise<IncomingMessage>;
  readonly close: () => Promise<void>;
}

async function bodyOf(incoming: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const parts: string[] = [];
  for await (const part of incoming) parts.push(String(part));
  const value: unknown = JSON.parse(parts.join("") || "{}");
  return { ...Object(value) };
}

async function startProvider(script: Script): Promise<Provider> {
  const bodies: Readonly<Record<string, unknown>>[] = [];
  const [asked, left, gate] = [signal(), signal(), signal()];
  let told = false;
  const answer = async (incoming: IncomingMessage, to: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming);
    bodies.push(body);
    to.once("close", () => {
      if (!to.writableFinished) left.happen();
    });
    asked.happen();
    await script(to, { body, goesOn: gate.happened, told: () => told });
  };
  const listener: RequestListener = (incoming, to) => {
    answer(incoming, to).catch((error: unknown) => {
      to.destroy(error instanceof Error ? error : undefined);
    });
  };
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    bodies,
    asked: asked.happened,
    left: left.happened,
    goOn: () => {
      told = true;
      gate.happen();
    },
    ask: async (body, outgoing) =>
      new Promise((resolve, reject) => {
        const sent = request({ host: "127.0.0.1", port: portOf(server), method: "POST" });
        // Who pays for an answer stops it when nobody listens any more.
        const stop = (): void => {
          sent.destroy();
        };
        outgoing.once("close", stop);
        sent.once("close", () => outgoing.off("close", stop));
        sent.once("response", resolve);
        sent.on("error", reject);
        sent.end(JSON.stringify(body));
      }),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A case with a provider, which is stopped whatever happens. */
export const providerCase = (
  name: string,
  script: Script,
  run: (start: MakeApp, provider: Provider) => Promise<void>,
): AdapterCase =>
  appCase(name, async (start) => {
    const provider = await startProvider(script);
    try {
      await run(start, provider);
    } finally {
      await provider.close();
    }
  });
