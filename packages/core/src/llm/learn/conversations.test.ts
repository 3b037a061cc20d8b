import { expect, test } from "@jest/globals";

import { Conversations } from "./conversations.ts";

test("remembers what the conversation's last call read, and nothing before", () => {
  const conversations = new Conversations();
  expect(conversations.inputOf("acme", "c-1")).toBeUndefined();
  conversations.learn("acme", "c-1", 900);
  conversations.learn("acme", "c-1", 1200);
  expect(conversations.inputOf("acme", "c-1")).toBe(1200);
});

test("an id of one subject says nothing about the same id of another", () => {
  const conversations = new Conversations();
  conversations.learn("acme", "c-1", 900);
  expect(conversations.inputOf("globex", "c-1")).toBeUndefined();
});

test("what is no number of tokens is not remembered", () => {
  const conversations = new Conversations();
  conversations.learn("acme", "c-1", 900);
  for (const input of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    conversations.learn("acme", "c-1", input);
  }
  expect(conversations.inputOf("acme", "c-1")).toBe(900);
});

test("a subject with many conversations forgets its own oldest and nobody else's", () => {
  const conversations = new Conversations({ maxConversations: 2 });
  conversations.learn("acme", "c-1", 900);
  for (const id of ["a", "b", "c"]) conversations.learn("mallory", id, 1);
  expect(conversations.inputOf("acme", "c-1")).toBe(900);
  expect(["a", "b", "c"].map((id) => conversations.inputOf("mallory", id))).toEqual([
    undefined,
    1,
    1,
  ]);
});

test("so many subjects are remembered and no more", () => {
  const conversations = new Conversations({ maxSubjects: 2 });
  for (const subject of ["a", "b", "c"]) conversations.learn(subject, "c-1", 5);
  expect(["a", "b", "c"].map((subject) => conversations.inputOf(subject, "c-1"))).toEqual([
    undefined,
    5,
    5,
  ]);
});
