export type {
  AdapterCase,
  Answer,
  AnyOptions,
  AnyRequest,
  AppSpec,
  Call,
  Handler,
  Layer,
  MakeApp,
  Route,
  RunningApp,
} from "./adapter-app.ts";
export { portOf } from "./adapter-app.ts";
export { adapterContract } from "./adapter-contract.ts";
export type { ContractCase, MakeStore } from "./contract/contract-case.ts";
export { equivalenceCases } from "./contract/equivalence.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { storeContract } from "./store-contract.ts";
