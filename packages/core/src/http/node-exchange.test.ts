import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

import { describe, expect, jest, test } from "@jest/globals";

import { nodeExchange, whenOver } from "./node-exchange.ts";

/** A request on `socket`, and its response, which has its turn unless it is queued. */
function exchange(socket: Socket, queued = false) {
  const request = new IncomingMessage(socket);
  const response = new ServerResponse(request);
  if (!queued) response.assignSocket(socket);
  return { request, response };
}

describe("the facts of an exchange", () => {
  test("are read from Node's own objects", () => {
    const { request, response } = exchange(new Socket());
    request.method = "POST";
    request.headers = { "x-one": "1", "set-cookie": ["a", "b"] };
    response.setHeader("RateLimit", "x");
    const facts = nodeExchange(request, response);
    expect(facts.exchange).toBe(request);
    expect(facts.method).toBe("POST");
    expect(["x-one", "set-cookie", "x-two"].map(facts.header)).toStrictEqual([
      "1",
      "a, b",
      undefined,
    ]);
    expect(facts.responseField("ratelimit")).toBe("x");
  });

  test.each([
    ["/v1/messages?beta=true", undefined, "/v1/messages"],
    // Express shortens the URL below a mount.
    ["/messages?a=?b", "/v1/messages?a=?b", "/v1/messages"],
    ["/", 7, "/"],
    [undefined, undefined, undefined],
  ])("have the path of %j, mounted from %j", (url, originalUrl, path) => {
    const { request, response } = exchange(new Socket());
    if (url !== undefined) request.url = url;
    else Reflect.deleteProperty(request, "url");
    if (originalUrl !== undefined) Object.assign(request, { originalUrl });
    expect(nodeExchange(request, response).path).toBe(path);
  });

  test.each([false, true])("tell when the client has gone, queued: %s", (queued) => {
    const socket = new Socket();
    const { request, response } = exchange(socket, queued);
    const { gone } = nodeExchange(request, response);
    expect(gone()).toBe(false);
    socket.destroy();
    expect(gone()).toBe(true);
  });
});

test("requests that wait on one connection are told of its end by one listener, unless they stopped waiting", () => {
  const socket = new Socket();
  const before = socket.listenerCount("close");
  const waiting = Array.from({ length: 50 }, () => {
    const { request, response } = exchange(socket, true);
    const left = jest.fn();
    return { left, stop: nodeExchange(request, response).whenGone(left) };
  });
  expect(socket.listenerCount("close")).toBe(before + 1);
  waiting[0]?.stop();
  socket.emit("close");
  expect(waiting.map(({ left }) => left.mock.calls.length)).toEqual([
    0,
    ...Array.from({ length: 49 }, () => 1),
  ]);
});

describe("the end of an exchange", () => {
  test("is that of its response", () => {
    const { request, response } = exchange(new Socket());
    const end = jest.fn();
    whenOver(request, response, end);
    response.emit("close");
    expect(end).toHaveBeenCalledTimes(1);
  });

  test("is that of the connection for all responses that wait behind another, with one listener", () => {
    const socket = new Socket();
    const before = socket.listenerCount("close");
    const ends = Array.from({ length: 50 }, () => {
      const { request, response } = exchange(socket, true);
      const end = jest.fn();
      whenOver(request, response, end);
      return { response, end };
    });
    expect(socket.listenerCount("close")).toBe(before + 1);
    ends[0]?.response.emit("close");
    expect(ends[0]?.end).toHaveBeenCalledTimes(1);
    socket.emit("close");
    for (const { end } of ends) expect(end).toHaveBeenCalledTimes(1);
  });
});
