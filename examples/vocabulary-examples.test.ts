import { describe, expect, test } from "@jest/globals";

import { run as runConfigFile } from "./config-file.ts";
import { run as runCorrections } from "./corrections.ts";
import { run as runCountWhen } from "./count-when.ts";
import { run as runWaiting } from "./waiting.ts";

const linesOf = async (
  run: (say: (line: string) => void) => void | Promise<void>,
): Promise<readonly string[]> => {
  const lines: string[] = [];
  await run((line) => lines.push(line));
  return lines;
};

describe("the examples of what a limiter can do beside refusing", () => {
  test("calls wait in order, take turns, and leave their places", async () => {
    expect(await linesOf(runWaiting)).toEqual([
      "All of acme may make two calls a minute, and Ann makes three: the third waits",
      "  ann: admitted after 0 s",
      "  ann: admitted after 0 s",
      "  1 waiting",
      "  ann: admitted after 60 s",
      "Nobody is kept waiting who has no time for it",
      "  ann: admitted after 0 s",
      '  ann: refused: limit "calls" has 0 of 2 left and count 1 was asked; it fits in 60 s',
      "Users take turns, however many calls one of them has waiting",
      "  ann: admitted after 60 s",
      "  bob: admitted after 60 s",
      "  carl: admitted after 120 s",
      "  ann: admitted after 120 s",
      "  ann: admitted after 180 s",
      "Of the calls of one user, those of higher priority go first",
      "  bob: admitted after 0 s",
      "  bob: admitted after 0 s",
      "  bob's question: admitted after 60 s",
      "  bob's report: admitted after 60 s",
      "Four may wait of each user; who goes away gives up the place",
      "  event: overflowed after 0 s",
      "  event: abandoned after 5 s",
      "  carl's 1st: admitted after 0 s",
      "  carl's 2nd: admitted after 0 s",
      `  carl's 7th: refused: limit "calls" has 0 of 2 left and count 1 was asked; it fits in 60 s`,
      "  carl's 3rd: nobody waits for the answer any more",
      "  carl's 4th: admitted after 60 s",
      "  carl's 5th: admitted after 60 s",
      "  carl's 6th: admitted after 120 s",
      "  in all 18 admitted, 1 abandoned, 1 too many, and none waited for more than 180 s",
      "Ten calls a minute, slowed down from five on",
      "  ms of delay: 0, 0, 0, 0, 0, 200, 400, 600, 800, 1000",
    ]);
  });

  test("penalties and rewards are charged, blocks end, and lists go before limits", async () => {
    expect(await linesOf(runCorrections)).toEqual([
      "A wrong password costs five attempts; who knows it in the end gets them back",
      "  198.51.100.7: wrong",
      "    event: adjusted by 4",
      "  198.51.100.7: wrong",
      "    event: adjusted by 4",
      "  198.51.100.7: 10 of 20 used",
      "  198.51.100.7: welcome",
      "    event: adjusted by -10",
      "  198.51.100.7: 1 of 20 used",
      "Three in a row are a block, whatever is left",
      "  198.51.100.8: wrong",
      "    event: adjusted by 4",
      "  198.51.100.8: wrong",
      "    event: adjusted by 4",
      "  198.51.100.8: wrong",
      "    event: adjusted by 4",
      "    event: blocked for 900 s",
      "  198.51.100.8: the password is not even looked at; the subject is blocked for another 900 s",
      "  198.51.100.8: 15 of 20 used",
      "A block ends by itself, and usage has stayed",
      "  198.51.100.8: 15 of 20 used",
      "  198.51.100.8: wrong",
      "    event: adjusted by 4",
      "    event: blocked for 900 s",
      "... or when it is lifted; here what was used is forgotten as well",
      "    event: block lifted",
      "  198.51.100.8: welcome",
      "  198.51.100.8: 1 of 20 used",
      "Who is on a list meets no limit: always refused, or never",
      "  203.0.113.99: the password is not even looked at; the subject's ip is on the deny list",
      "  2001:db8:7::1: the password is not even looked at; the subject's ip is on the deny list",
      "  10.1.2.3: wrong",
      "  10.1.2.3: welcome",
    ]);
  });

  test("logins that succeed are not counted, and after three failures none is tried", async () => {
    expect(await linesOf(runCountWhen)).toEqual([
      "Logins that succeed are not counted",
      "  ann: 200; failures 0 of 3 and 0 of 50",
      "  ann: 200; failures 0 of 3 and 0 of 50",
      "  ann: 200; failures 0 of 3 and 0 of 50",
      "  ann: 200; failures 0 of 3 and 0 of 50",
      "Those that fail are, and after three the password is not even looked at",
      "  ann: 401; failures 1 of 3 and 1 of 50",
      "  ann: 401; failures 2 of 3 and 2 of 50",
      "  ann: 401; failures 3 of 3 and 3 of 50",
      "  ann: 429, come back in 900 s; failures 3 of 3 and 3 of 50",
      "That is nothing to another account of the same address",
      "  bob: 200; failures 0 of 3 and 3 of 50",
      "A quarter of an hour later",
      "  ann: 200; failures 0 of 3 and 0 of 50",
    ]);
  });

  test("a file's new limits keep what was used, and one with mistakes changes nothing", async () => {
    expect(await linesOf(runConfigFile)).toEqual([
      "Three calls a minute, and as many tokens a day as the environment says",
      "  5000 tokens: admitted",
      "  5000 tokens: admitted",
      "  event: count-per-minute-user has reached 80 %",
      "  event: count-per-minute-user has reached 100 %",
      "  event: token-per-day-user has reached 80 %",
      "  6000 tokens: admitted",
      '  1000 tokens: refused; limit "count-per-minute-user" has 0 of 3 left and count 1 was asked; it fits in 60 s',
      "Somebody raises the first number: what has been used stays used",
      "  event: other limits are in force",
      "  the file is in force",
      "  event: count-per-minute-user has reached 80 %",
      "  event: count-per-minute-user has reached 100 %",
      "  1000 tokens: admitted",
      '  1000 tokens: refused; limit "count-per-minute-user" has 0 of 4 left and count 1 was asked; it fits in 60 s',
      "A file with mistakes changes nothing, and all of them are told",
      '  limits.yaml:9:14 rate_limiting.limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got string "three"',
      "  limits.yaml:10:7 rate_limiting.limits[0].windwo: unknown key, did you mean window?",
      "  the limits stay as they were",
      '  1000 tokens: refused; limit "count-per-minute-user" has 0 of 4 left and count 1 was asked; it fits in 60 s',
      "Nor does one that asks for what a running limiter cannot change",
      "  limits.yaml:1:1 scope: changed, which takes a restart",
      "  the limits stay as they were",
      "In the end",
      "  count-per-minute-user: 4 of 4 used",
      "  token-per-day-user: 17000 of 20000 used",
    ]);
  });
});
