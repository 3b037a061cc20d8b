import { describe, expect, test } from "@jest/globals";

import { azureDialect } from "./azure.ts";
import { dialectFor, dialectOfPath, parseDialect } from "./choose.ts";
import { ietfDialect } from "./ietf.ts";

const none = (): undefined => undefined;
const anthropicVersion = (name: string): string | undefined =>
  name === "anthropic-version" ? "2023-06-01" : undefined;

describe("auto", () => {
  test.each([
    ["/v1/chat/completions", "openai"],
    ["/llm/chat/completions", "openai"],
    ["/chat/completions/", "openai"],
    ["/v1/completions", "openai"],
    ["/v1/responses", "openai"],
    ["/tenants/7/v1/embeddings", "openai"],
    ["/v1/images/generations", "openai"],
    ["/v1/images/edits", "openai"],
    ["/v1/audio/speech", "openai"],
    ["/v1/moderations", "openai"],
    ["/openai/v1/responses", "openai"],
    ["http://proxied.example/v1/chat/completions", "openai"],
    ["/openai/deployments/gpt-4o/chat/completions", "azure"],
    ["/gateway/openai/deployments/gpt-4o/embeddings", "azure"],
    ["/openai/deployments/gpt-4o", "ietf"],
    ["/v1/messages", "anthropic"],
    ["/anthropic/v1/messages/", "anthropic"],
    ["/v1/messages/count_tokens", "anthropic"],
    ["/v1/messages/batches", "anthropic"],
    ["/v1/threads/7/messages", "ietf"],
    ["/messages", "ietf"],
    ["/v1/messages/7", "ietf"],
    ["/v1beta/models/gemini-2.5-pro:generateContent", "ietf"],
    ["/api/chat", "ietf"],
    // Whole segments only.
    ["/v1/chat/xcompletions", "ietf"],
    ["/v1/generations", "ietf"],
    ["/v1/chat/completions/7", "ietf"],
    ["completions", "ietf"],
    ["/", "ietf"],
    ["", "ietf"],
  ])("%s is %s", (path, expected) => {
    expect(dialectOfPath(path, none)).toBe(expected);
  });

  test.each([
    ["/chat/messages", "anthropic"],
    ["/messages/count_tokens", "anthropic"],
    ["/home", "ietf"],
    ["/v1/chat/completions", "openai"],
  ])("%s with an anthropic-version is %s", (path, expected) => {
    expect(dialectOfPath(path, anthropicVersion)).toBe(expected);
  });

  test("is ietf where no path is known", () => {
    expect(dialectFor("auto", undefined, none)).toBe(ietfDialect);
  });
});

test("a dialect that is named holds for every path", () => {
  expect(dialectFor("ietf", "/v1/chat/completions", none)).toBe(ietfDialect);
  expect(dialectFor("azure", "/", none)).toBe(azureDialect);
});

describe("the dialect option", () => {
  test("is auto unless it is given", () => {
    expect(parseDialect(undefined, "dialect")).toBe("auto");
    expect(parseDialect(undefined, "route.dialect", "azure")).toBe("azure");
    expect(parseDialect("auto", "route.dialect", "azure")).toBe("auto");
  });

  test.each(["gemini", "OpenAI", "", null, false, 7, ["openai"]])("is never %j", (value) => {
    expect(() => parseDialect(value, "dialect")).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path: "dialect" }),
    );
  });
});
