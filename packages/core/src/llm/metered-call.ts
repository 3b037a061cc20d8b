import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { Limit } from "../policy/limit.ts";
import { namedIds, type Subject } from "../subject.ts";
import type { Usage } from "../usage.ts";
import { type Actual, actualOf, type Expected } from "./actual.ts";
import type { Ending } from "./ending.ts";
import type { CallRequest, LlmMeter } from "./meter.ts";
import type { CallPolicy } from "./policy.ts";
import type { RequestEstimate } from "./request/estimate-request.ts";
import { withMaxOutputTokens } from "./request/rewrite.ts";
import { estimateText } from "./text/estimate-text.ts";
import { countExactly } from "./text/exact.ts";
import { familyOf } from "./text/families.ts";
import { noTokens, type TokenUsage, type UsageSource } from "./tokens.ts";
import { type PartialUsage, readUsage } from "./usage/read-usage.ts";
import { createUsageReader, type UsageReader, type UsageReading } from "./usage/usage-reader.ts";

/** What a request is thought to need, in tokens. */
export interface CallEstimate extends RequestEstimate {
  /** What is held for the answer: as long as answers usually are, within the request's cap. */
  readonly outputToken: number;
  /** `inputToken` + `outputToken`. */
  readonly token: number;
}

/** An output cap below the one that was asked for, because the limits have no room for more. */
export interface Grant {
  /** All choices together. */
  readonly maxOutputTokens: number;
}

/** What a call is settled with. */
export interface CallSettlement {
  /** By limit type; types left out keep what was held. */
  readonly cost: Cost;
  readonly source: UsageSource;
  /** `undefined` when what was held stands. */
  readonly usage: TokenUsage | undefined;
}

/** What the answer's headers tell. */
export interface AnswerHead {
  readonly header: (name: string) => string | undefined;
}

// The widest id that is one customer's: its users write alike, and samples come soon.
const learnBy = ["tenant", "user", "caller", "ip"];

function learningKey(subject: Subject): string {
  const ids = new Map(namedIds(subject));
  const scope = learnBy.find((name) => ids.has(name));
  return scope === undefined ? "" : `${scope}:${ids.get(scope) ?? ""}`;
}

/** One call on its way from the estimate to the settlement. */
export class MeteredCall {
  /** The path that told the format of the request, where there was one. */
  readonly upstream: { readonly path?: string };
  readonly #meter: LlmMeter;
  readonly #subject: string;
  readonly #policy: CallPolicy;
  readonly #limits: readonly Limit[];
  /** Those of them that can refuse. */
  readonly #enforced: readonly Limit[];
  readonly #model: string;
  readonly #request: RequestEstimate;
  /** Input tokens, corrected by experience. */
  readonly #input: number;
  #output: number;
  #grant: Grant | undefined;

  constructor(meter: LlmMeter, call: CallRequest, request: RequestEstimate) {
    this.#meter = meter;
    this.#request = request;
    this.upstream = call.path === undefined ? {} : { path: call.path };
    this.#subject = learningKey(call.subject);
    this.#policy = call.policy ?? meter.policy;
    // Those of others have no say in what this call may hold.
    this.#limits = call.limits.filter(
      ({ type, when }) => meter.types.has(type) && (when === undefined || when(call.subject)),
    );
    this.#enforced = this.#limits.filter(({ shadow }) => !shadow);
    this.#model = request.model ?? "";
    this.#input = this.#correctedInput();
    this.#output = this.#expected.writes ? this.#guess() : 0;
  }

  /** What is expected and held. */
  get estimate(): CallEstimate {
    const inputToken = this.#input;
    const outputToken = this.#output;
    const token = Math.min(inputToken + outputToken, Number.MAX_SAFE_INTEGER);
    return { ...this.#request, inputToken, outputToken, token };
  }

  /** Set when the output cap was lowered. */
  get grant(): Grant | undefined {
    return this.#grant;
  }

  /** What is to be held. */
  get cost(): Cost {
    return this.costOf({ input: this.#input, output: this.#output });
  }

  /** What tokens cost in the types that the call's limits meter. */
  readonly costOf = (usage: PartialUsage, model: string = this.#model): Cost => {
    const types = new Set(this.#limits.map(({ type }) => type));
    return this.#meter.costs.costOf({ ...noTokens, ...usage }, model, types);
  };

  /** Whether less than the call is thought to need may be held for it. */
  get mayBeLowered(): boolean {
    return this.#policy.minOutputTokens !== undefined;
  }

  /**
   * After a refusal: lowers the output to what the limits have room for.
   * @returns false when that is not allowed, or not enough
   */
  readonly lower = ({ usages }: Decision): boolean => {
    const { minOutputTokens } = this.#policy;
    if (minOutputTokens === undefined) return false;
    const output = Math.min(...usages.map((usage) => this.#roomFor(usage)));
    // Each of several answers gets at least a token.
    const least = Math.max(minOutputTokens, this.#request.multiplicity);
    if (output < least || output >= this.#output) return false;
    this.#output = output;
    this.#grant = { maxOutputTokens: output };
    return true;
  };

  /** The body to send upstream: with the lowered cap, where there is one. */
  readonly granted = <Body>(
    body: Body,
    upstream: { readonly path?: string } = this.upstream,
  ): Body =>
    this.#grant === undefined
      ? body
      : withMaxOutputTokens(body, this.#grant.maxOutputTokens, upstream);

  /** Reads the usage of an answer as it passes. */
  readonly reader = ({ header }: AnswerHead): UsageReader =>
    createUsageReader({
      contentType: header("content-type"),
      contentEncoding: header("content-encoding"),
      header,
      countText: this.countText,
    });

  /** Tokens of the call's model in a text, unrounded. */
  readonly countText = (text: string): number => {
    const { tokenizer, multipliers } = this.#meter;
    const { encoding, multiplier } = familyOf(this.#request.model, multipliers);
    const estimated = (part: string): number => estimateText(part, encoding) * multiplier;
    return tokenizer === undefined ? estimated(text) : countExactly(text, tokenizer, estimated);
  };

  /** What the call is charged, after it ended with what was read of its answer. */
  readonly settlement = (ending: Ending, reading: UsageReading | undefined): CallSettlement => {
    const actual = actualOf(ending, reading, this.#expected, this.#policy);
    this.#learn(actual, ending.finished && reading?.complete === true);
    return this.#settled(actual, reading?.model);
  };

  /**
   * What the call is charged by the usage that the handler has: any provider's usage object, or an
   * answer that holds one. `undefined` when it is neither.
   */
  readonly reported = (value: unknown): CallSettlement | undefined => {
    const types = this.#limits.map(({ type }) => type);
    const request = { input: this.#input, model: this.#model };
    const settlement = this.#meter.reported(value, types, request);
    if (settlement !== undefined) {
      this.#learn(settlement, readUsage(value)?.input !== undefined);
    }
    return settlement;
  };

  #settled({ usage, source }: Actual, servedBy: string | undefined): CallSettlement {
    const model = this.#meter.modelOf(servedBy) ?? this.#model;
    return { cost: usage === undefined ? {} : this.costOf(usage, model), source, usage };
  }

  get #expected(): Expected {
    const { generates } = this.#request;
    // A request that says nothing asks no model for anything.
    return { input: this.#input, writes: generates && this.#input > 0 };
  }

  #correctedInput(): number {
    const { inputToken, textOnly, conversation } = this.#request;
    const { calibration, conversations } = this.#meter;
    const factor = textOnly ? (calibration?.factor(this.#subject, this.#model, 1) ?? 1) : 1;
    const before =
      conversation === undefined ? undefined : conversations.inputOf(this.#subject, conversation);
    return Math.max(Math.ceil(inputToken * factor), before ?? 0);
  }

  /** Output tokens to hold for an answer whose length nobody knows yet. */
  #guess(): number {
    const { maxOutputToken: cap, multiplicity } = this.#request;
    const { outputs, guess } = this.#meter;
    if (this.#policy.hard && cap !== undefined) return cap;
    const usual = outputs.guess(this.#subject, this.#model) ?? guess.initial;
    const needed = Math.min(cap ?? Number.MAX_SAFE_INTEGER, Math.ceil(usual) * multiplicity);
    // A guess above a small limit would turn every call away, for ever.
    return Math.min(needed, ...this.#enforced.map((limit) => this.#shareOf(limit)));
  }

  #shareOf({ type, max }: Limit): number {
    const rate = this.#meter.costs.outputRate(type, this.#model);
    const share = max * this.#meter.guess.fraction;
    return rate > 0 ? Math.max(1, Math.floor(share / rate)) : Number.MAX_SAFE_INTEGER;
  }

  #roomFor({ limit, type, remaining }: Usage): number {
    if (!this.#enforced.some(({ name }) => name === limit)) return Number.MAX_SAFE_INTEGER;
    return this.#meter.costs.maxOutputWithin(type, this.#model, remaining, this.#input);
  }

  /** @param whole whether all of the answer is in the usage */
  #learn({ usage, source }: Pick<CallSettlement, "usage" | "source">, whole: boolean): void {
    if (usage === undefined || source === "none" || source === "estimated") return;
    const { outputs, calibration, conversations } = this.#meter;
    const { generates, multiplicity, maxOutputToken, textOnly, conversation } = this.#request;
    if (generates) {
      // One that was cut, by the client or by its own cap, would have been longer: were it learned as
      // it is, a few short calls would lower what long ones hold.
      const cut = !whole || source !== "measured" || usage.output >= (maxOutputToken ?? Infinity);
      outputs.learn(this.#subject, this.#model, usage.output / multiplicity, cut);
    }
    if (!whole || source !== "measured") return;
    if (textOnly) {
      calibration?.learn(this.#subject, this.#model, usage.input, this.#request.inputToken);
    }
    if (conversation !== undefined) {
      conversations.learn(this.#subject, conversation, usage.input);
    }
  }
}
