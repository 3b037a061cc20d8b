export type { ContractCase, MakeStore } from "./contract/contract-case.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { storeContract } from "./store-contract.ts";
