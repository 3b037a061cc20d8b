import type { JsonSchema } from "./field.ts";
import { objectSchema, snakeCase } from "./keys.ts";
import { type Condition, conditions, fieldNames, fieldUnder, limitFields } from "./limit-fields.ts";
import { sectionSchema, tellingKeys } from "./section.ts";

const variable = { $ref: "#/definitions/variable" };

const spellings = (name: string): readonly string[] => [...new Set([name, snakeCase(name)])];

const has = (name: string): JsonSchema => ({
  anyOf: spellings(name).map((spelling) => ({ required: [spelling] })),
});
const hasNone = (names: readonly string[]): JsonSchema => ({
  not: { anyOf: names.flatMap(spellings).map((spelling) => ({ required: [spelling] })) },
});

const conditionSchema = ({ field, beside, values, optional }: Condition): JsonSchema => ({
  if: has(field),
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: {
    properties: { [beside]: { anyOf: [{ enum: values }, variable] } },
    ...(optional ? {} : { required: [beside] }),
  },
});

const others = (names: readonly string[]): readonly string[] =>
  [...fieldNames("window"), ...fieldNames("bucket")].filter((name) => !names.includes(name));

const limit = objectSchema(
  Object.fromEntries(Object.entries(limitFields).map(([name, { schema }]) => [name, schema])),
  {
    description: "At most so many units of a type, for each subject of a scope.",
    required: ["type"],
    allOf: [
      {
        if: { properties: { type: { enum: ["concurrency"] } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
        then: {
          required: ["limit"],
          properties: { limit: fieldUnder("concurrency", "limit")?.schema },
          ...hasNone(others(["limit"])),
        },
        else: {
          // `type` may be a variable that says concurrency.
          anyOf: [
            { required: ["window", "limit"], ...hasNone(fieldNames("bucket")) },
            { required: ["rate", "capacity"], ...hasNone(fieldNames("window")) },
            { properties: { type: variable }, required: ["limit"], ...hasNone(others(["limit"])) },
          ],
        },
      },
      ...conditions.map(conditionSchema),
    ],
  },
);

/**
 * The JSON Schema of a file, for editors; also published as `@tollgate/config/schema.json`. Of
 * draft-07, the newest one that the YAML language server knows and that VS Code knows in full.
 */
export const schema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Tollgate limits",
  description: "Rate limits, under rate_limiting or as the whole file.",
  definitions: {
    variable: {
      type: "string",
      pattern: String.raw`\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}`,
      description: "A value from the environment: ${NAME} or ${NAME:-default}.",
    },
    limit,
    section: { title: "Rate limits", ...sectionSchema },
    file: {
      ...sectionSchema,
      properties: { $schema: { type: "string" }, ...Object(sectionSchema["properties"]) },
    },
  },
  type: "object",
  if: { anyOf: [{ required: ["rate_limiting"] }, { required: ["rateLimiting"] }] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: {
    properties: {
      rate_limiting: { $ref: "#/definitions/section" },
      rateLimiting: { $ref: "#/definitions/section" },
    },
    allOf: [{ not: { required: ["rate_limiting", "rateLimiting"] } }, hasNone(tellingKeys)],
  },
  else: { $ref: "#/definitions/file" },
};
