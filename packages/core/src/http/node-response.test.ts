import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { afterEach, describe, expect, test } from "@jest/globals";

import { portOf } from "../testing/adapter-app.ts";
import { tap } from "./node-response.ts";
import type { ReadHeader, ResponseObserver } from "./observer.ts";

const servers: { close: () => void }[] = [];
afterEach(() => {
  for (const { close } of servers.splice(0)) close();
});

/** What an observer is shown, in order. */
interface Seen {
  readonly steps: string[];
  readonly headers: Record<string, string | undefined>;
  text: string;
}

interface Exchange {
  readonly seen: Seen;
  readonly received: string;
  readonly status: number | undefined;
}

type Change = (part: Uint8Array) => readonly Uint8Array[] | undefined;

/** Serves one response through a tap and reads it. */
async function exchange(
  handle: (response: ServerResponse) => void,
  change: Change = () => undefined,
  last: readonly Uint8Array[] = [],
  below: (response: ServerResponse) => void = () => undefined,
): Promise<Exchange> {
  const seen: Seen = { steps: [], headers: {}, text: "" };
  const observer: ResponseObserver = {
    head: (header: ReadHeader) => {
      seen.steps.push("head");
      for (const name of ["content-type", "content-encoding", "x-list"]) {
        seen.headers[name] = header(name);
      }
    },
    data: (part) => {
      seen.steps.push("data");
      seen.text += Buffer.from(part).toString("latin1");
      return change(part);
    },
    end: () => {
      seen.steps.push("end");
      return last;
    },
  };
  const server = createServer((_, response) => {
    below(response);
    tap(response, observer);
    handle(response);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  servers.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const answer = await new Promise<IncomingMessage>((resolve) => {
    get({ port: portOf(server), host: "127.0.0.1" }, resolve);
  });
  let received = "";
  for await (const chunk of answer.setEncoding("latin1")) received += String(chunk);
  return { seen, received, status: answer.statusCode };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

describe("a tapped response", () => {
  test.each([
    ["strings", (r: ServerResponse) => void (r.write("ab"), r.write("c"), r.end("d"))],
    ["bytes", (r: ServerResponse) => void (r.write(bytes("ab")), r.end(bytes("cd")))],
    ["an encoding", (r: ServerResponse) => void (r.write("YWI=", "base64"), r.end("6364", "hex"))],
    ["a pipe", (r: ServerResponse) => void Readable.from(["ab", "c", "d"]).pipe(r)],
    ["one end", (r: ServerResponse) => void r.end("abcd")],
    ["an end with nothing", (r: ServerResponse) => void (r.write("abcd"), r.end(() => undefined))],
  ])("written as %s is sent as it is, and shown whole", async (_, handle) => {
    const { seen, received } = await exchange(handle);
    expect(received).toBe("abcd");
    expect(seen.text).toBe("abcd");
    expect(seen.steps.filter((step) => step !== "data")).toStrictEqual(["head", "end"]);
    expect(seen.steps[0]).toBe("head");
  });

  test.each([
    ["set before", (r: ServerResponse) => void r.setHeader("Content-Type", "a/b")],
    ["an object", (r: ServerResponse) => void r.writeHead(201, { "Content-Type": "a/b" })],
    [
      "after a reason",
      (r: ServerResponse) => void r.writeHead(201, "Yes", { "content-type": "a/b" }),
    ],
    ["a flat list", (r: ServerResponse) => void r.writeHead(201, ["Content-Type", "a/b"])],
  ])("has its headers read before its first byte, given as %s", async (_, give) => {
    const { seen } = await exchange((response) => {
      response.setHeader("x-list", ["1", "2"]);
      give(response);
      response.end("x");
    });
    expect(seen.headers).toStrictEqual({
      "content-type": "a/b",
      "content-encoding": undefined,
      "x-list": "1, 2",
    });
  });

  test("keeps the callbacks and the answers of `write`", async () => {
    const called: string[] = [];
    const answers: boolean[] = [];
    await exchange((response) => {
      answers.push(response.write("x", () => called.push("write")));
      answers.push(response.write("y".repeat(1_000_000), "utf8"));
      response.end("z", () => called.push("end"));
    });
    expect(called).toStrictEqual(["write", "end"]);
    expect(answers).toStrictEqual([true, false]);
  });

  test("keeps its errors: what is no body, and writing after the end", async () => {
    const errors: unknown[] = [];
    await exchange((response) => {
      response.on("error", (error) => errors.push(error));
      try {
        response.write(JSON.parse("7"));
      } catch (error) {
        errors.push(error);
      }
      response.end("x");
      response.write("y");
    });
    expect(errors).toMatchObject([
      { code: "ERR_INVALID_ARG_TYPE" },
      { code: "ERR_STREAM_WRITE_AFTER_END" },
    ]);
  });

  test("sends what the observer puts in place of a part, callbacks included", async () => {
    const called: string[] = [];
    const pieces = (part: Uint8Array): readonly Uint8Array[] => {
      const text = Buffer.from(part).toString("latin1");
      return text === "drop" ? [] : [bytes(`<${text}`), bytes(">")];
    };
    const { received, seen } = await exchange(
      (response) => {
        response.write("drop", () => called.push("dropped"));
        response.write("a", () => called.push("a"));
        response.end("b", () => called.push("end"));
      },
      pieces,
      [bytes("last")],
    );
    expect(received).toBe("<a><b>last");
    expect(called).toStrictEqual(["dropped", "a", "end"]);
    expect(seen.text).toBe("dropab");
  });

  test("without a body ends all the same", async () => {
    const { seen, received, status } = await exchange((response) => {
      response.statusCode = 204;
      response.end();
    });
    expect([status, received]).toStrictEqual([204, ""]);
    expect(seen.steps).toStrictEqual(["head", "end"]);
  });

  test("encoded above is shown with the header that says so", async () => {
    const { seen, received } = await exchange((response) => {
      const below = response.end.bind(response);
      // As compressing middleware does that is mounted after the limiter.
      response.end = (part?: unknown): ServerResponse => {
        response.setHeader("Content-Encoding", "gzip");
        below(gzipSync(String(part)));
        return response;
      };
      response.end("plain");
    });
    expect(seen.text).not.toBe("plain");
    expect(received).toBe(seen.text);
    expect(seen.headers["content-encoding"]).toBe("gzip");
  });

  test("is read with the headers that it was given, not with those of an encoding below", async () => {
    const { seen } = await exchange(
      (response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.end("x");
      },
      undefined,
      [],
      (response) => {
        const own = response.writeHead.bind(response);
        response.writeHead = (...args: readonly unknown[]): ServerResponse => {
          response.setHeader("Content-Encoding", "gzip");
          Reflect.apply(own, undefined, args);
          return response;
        };
      },
    );
    expect(seen.headers).toMatchObject({
      "content-type": "text/event-stream",
      "content-encoding": undefined,
    });
  });
});
