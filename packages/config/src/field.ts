import type { Report } from "./problem.ts";
import { describe, itemPath, type Node, type Scalar } from "./tree.ts";

/** A JSON Schema, draft-07. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a value may be: how it is read, and how an editor is told. */
export interface Field<T = unknown> {
  /** The value, or `undefined` after saying why not. */
  readonly read: (node: Node, path: string, report: Report) => T | undefined;
  readonly schema: JsonSchema;
}

/** For the schema: any scalar may come from the environment. */
const orVariable = (schema: JsonSchema): JsonSchema => ({
  anyOf: [schema, { $ref: "#/definitions/variable" }],
});

/** @param accept the value if it is one, else `undefined`; a text for fields that are texts */
function scalar<T>(
  expected: string,
  accept: (value: Scalar) => T | undefined,
  schema: JsonSchema,
  as: "value" | "text" = "value",
): Field<T> {
  return {
    read: (node, path, report) => {
      if (node.kind === "unknown") return undefined;
      const value = node.kind === "scalar" ? accept(node[as]) : undefined;
      if (value === undefined) report.expected(node.at, path, expected, describe(node));
      return value;
    },
    schema: orVariable(schema),
  };
}

const WORD = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** Whether it can name a scope, a type or a tier: core's rule for words. */
export const isWord = (text: string): boolean => WORD.test(text) && !(text in Object.prototype);

/** How messages say what a word is. */
export const wordRule = (what: string): string =>
  `${what}: a letter, then up to 63 letters, digits, ".", "_" or "-"`;

/** A name that can be part of keys and headers. */
export const word = (what: string): Field<string> =>
  scalar(
    wordRule(what),
    (value) => (typeof value === "string" && isWord(value) ? value : undefined),
    { type: "string", pattern: WORD.source },
    "text",
  );

/** A text of some form. @param test what the pattern, which editors know too, cannot tell */
export const text = (
  expected: string,
  pattern: RegExp,
  test: (value: string) => boolean = () => true,
): Field<string> =>
  scalar(
    expected,
    (value) =>
      typeof value === "string" && pattern.test(value) && test(value) ? value : undefined,
    { type: "string", pattern: pattern.source },
    "text",
  );

/** A whole number within bounds. */
export const integer = (what: string, least: number, most: number): Field<number> =>
  scalar(
    `${what}: an integer from ${String(least)} to ${String(most)}`,
    (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
        ? value
        : undefined,
    { type: "integer", minimum: least, maximum: most },
  );

/** A number above 0, up to `most`. @param test what else it must fulfil */
export const positive = (
  expected: string,
  most: number,
  test: (value: number) => boolean = () => true,
): Field<number> =>
  scalar(
    expected,
    (value) =>
      typeof value === "number" && value > 0 && value <= most && test(value) ? value : undefined,
    { type: "number", exclusiveMinimum: 0, maximum: most },
  );

/** One of a few values. */
export const choice = <const T extends Scalar>(choices: readonly T[]): Field<T> =>
  scalar(
    choices.length === 1
      ? JSON.stringify(choices[0])
      : `one of ${choices.map((each) => JSON.stringify(each)).join(", ")}`,
    (value) => choices.find((each) => each === value),
    { enum: choices },
  );

/** True or false. */
export const flag: Field<boolean> = scalar(
  "true or false",
  (value) => (typeof value === "boolean" ? value : undefined),
  { type: "boolean" },
);

/** A list of one kind of value. @param expected such as `a list of ids` */
export function listOf<T>(
  expected: string,
  item: Field<T>,
  least: number = 0,
): Field<readonly T[]> {
  return {
    read: (node, path, report) => {
      if (node.kind === "unknown") return undefined;
      if (node.kind !== "list" || node.items.length < least) {
        report.expected(node.at, path, expected, describe(node));
        return undefined;
      }
      // Without those that cannot be read, so that the others can be held against each other.
      return node.items
        .map((each, index) => item.read(each, itemPath(path, index), report))
        .filter((each) => each !== undefined);
    },
    schema: { type: "array", minItems: least, items: item.schema },
  };
}
