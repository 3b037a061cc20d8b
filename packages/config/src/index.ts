export type { Environment } from "./interpolate.ts";
export type { JsonSchema } from "./field.ts";
export { type LoadOptions, parseConfig } from "./parse-config.ts";
export { ConfigFileError, type Position, type Problem } from "./problem.ts";
export { loadConfig, readConfig } from "./read-config.ts";
export { schema } from "./schema.ts";
export type { IdLists, LoadedConfig, StoreHint } from "./section.ts";
export type { TierConfig } from "./tiers.ts";
export {
  type ConfigWatch,
  type Reconfigurable,
  watchConfig,
  type WatchOptions,
  type WatchSeams,
} from "./watch-config.ts";
