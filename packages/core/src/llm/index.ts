export {
  type AiSdkCall,
  aiSdkMiddleware,
  type AiSdkMiddleware,
  type AiSdkOptions,
  type AiSdkStreamed,
} from "./ai-sdk.ts";
export type { AiSdkParams } from "./ai-sdk-request.ts";
export type { CostOptions, TokenPrices, TokenWeights } from "./cost/cost-table.ts";
export {
  estimateRequest,
  type EstimateOptions,
  type RequestEstimate,
} from "./request/estimate-request.ts";
export { asksForUsage, withMaxOutputTokens, withUsageRequested } from "./request/rewrite.ts";
export { type Encoding, estimateText } from "./text/estimate-text.ts";
export type { Tokenizer } from "./text/exact.ts";
export type { Api, Provider, TokenUsage, UsageSource } from "./tokens.ts";
export { type PartialUsage, readUsage } from "./usage/read-usage.ts";
export { UsageStripper } from "./usage/strip-usage.ts";
export {
  createUsageReader,
  type UsageReader,
  type UsageReaderOptions,
  type UsageReading,
} from "./usage/usage-reader.ts";
