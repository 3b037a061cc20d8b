import { partTable, type PartReader, readContent } from "../content.ts";
import { capOf, countOf, type Fields, fieldsOf, isFields, listOf, textOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** What a body has under a name in either of its cases; both at once is legal for all we know. */
const inBothCases = (fields: Fields, name: string): readonly unknown[] =>
  [fields[name], fields[snake(name)]].filter((value) => value !== undefined && value !== null);

const first = (fields: Fields, name: string): unknown => inBothCases(fields, name)[0];

function readMedia(part: Fields, data: unknown, type: unknown, tally: Tally): void {
  const [family = ""] = (textOf(type) ?? "").toLowerCase().split("/");
  const { level } = fieldsOf(first(part, "mediaResolution"));
  if (family === "image") tally.image({ source: sourceOf(data), detail: textOf(level) });
  else if (family === "audio" || family === "video") tally.media(family);
  else if (family === "text" && typeof data === "string") tally.sealed(data);
  else tally.media("document");
}

const inline =
  (name: string): PartReader =>
  (part, tally) => {
    const found = fieldsOf(part[name]);
    readMedia(part, found.data, first(found, "mimeType"), tally);
  };

const stored =
  (name: string): PartReader =>
  (part, tally) => {
    readMedia(part, undefined, first(fieldsOf(part[name]), "mimeType"), tally);
  };

const call =
  (name: string): PartReader =>
  (part, tally) => {
    const { name: called, args, response, parts } = fieldsOf(part[name]);
    tally.text(called);
    tally.json(args);
    tally.json(response);
    return parts;
  };

const field =
  (name: string): PartReader =>
  (part, tally) => {
    const { code, output } = fieldsOf(part[name]);
    tally.text(code);
    tally.text(output);
  };

const both = (name: string, read: (name: string) => PartReader): Record<string, PartReader> => ({
  [name]: read(name),
  [snake(name)]: read(snake(name)),
});

const parts = partTable("field", {
  parts: ({ parts: nested }) => nested,
  text: ({ text }, tally) => {
    tally.text(text);
  },
  ...both("inlineData", inline),
  ...both("fileData", stored),
  ...both("functionCall", call),
  ...both("functionResponse", call),
  ...both("executableCode", field),
  ...both("codeExecutionResult", field),
});

function readTool(tool: unknown, tally: Tally): void {
  const declared = inBothCases(fieldsOf(tool), "functionDeclarations");
  // Searches, addresses and code put their findings before the model.
  if (declared.length === 0) tally.hidden();
  for (const list of declared) for (const one of listOf(list)) tally.tool(one);
}

const schemas = ["responseSchema", "responseJsonSchema"] as const;

/** The configurations of a body: one, whatever its case, unless it has both. */
export const configsOf = (body: Fields): readonly Fields[] =>
  inBothCases(body, "generationConfig").filter(isFields);

/** `POST …/models/{model}:generateContent`, in camel and in snake case. */
export const readGemini: RequestReader = (body, tally, { stream }): Reading => {
  const configs = configsOf(body);
  const resolution = configs.flatMap((config) => inBothCases(config, "mediaResolution"))[0];
  tally.imageDetail(textOf(resolution));
  tally.conversation();
  for (const system of inBothCases(body, "systemInstruction")) readContent(system, parts, tally);
  const contents = [body.contents].flat();
  for (const content of contents) {
    if (content === undefined || content === null) continue;
    tally.message();
    readContent(content, parts, tally);
  }
  for (const tool of [body.tools].flat()) if (isFields(tool)) readTool(tool, tally);
  for (const config of configs)
    for (const name of schemas) for (const schema of inBothCases(config, name)) tally.json(schema);
  if (inBothCases(body, "cachedContent").length > 0) tally.hidden();

  const counts = configs.flatMap((config) => inBothCases(config, "candidateCount").map(countOf));
  return {
    cap: capOf(...configs.flatMap((config) => inBothCases(config, "maxOutputTokens"))),
    multiplicity: Math.max(1, ...counts),
    ...(stream === undefined ? {} : { stream }),
  };
};
