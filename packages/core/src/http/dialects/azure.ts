import { ceilSeconds } from "../fields/numbers.ts";
import type { Dialect } from "./dialect.ts";
import { openAiDialect, openAiFields } from "./openai.ts";

/** OpenAI on Azure: the same with resets in plain seconds. */
export const azureDialect: Dialect = {
  ...openAiDialect,
  fields: openAiFields((fullAfterMs) => String(ceilSeconds(fullAfterMs))),
};
