import { LRUCache } from "lru-cache";

import type { Scheduler } from "../clock.ts";
import { configError, isTollgateError, TollgateError } from "../errors.ts";
import { canonicalId, detached } from "../keys.ts";
import type { MaybePromise } from "../store.ts";
import { idFor, type SubjectIds } from "../subject.ts";
import { HeldPolicy, type LookupTally, type PolicySource } from "./held-policy.ts";
import { type LimitsFunction, type LookupOptions, parseLookup } from "./lookup-options.ts";
import { contentOf } from "./policy-content.ts";
import { parsePolicy, type TierPolicy } from "./tier-policy.ts";

export type { LimitsFunction, LookupOptions } from "./lookup-options.ts";
export type { TierPolicy } from "./tier-policy.ts";

/** How many different policies are kept compiled for all subjects that have them. */
const MAX_SHARED = 1000;

/** What a {@link PolicyLookup} keeps, and what it has done so far. */
export interface LookupStats extends Readonly<LookupTally> {
  /** Keys whose answer is kept. */
  readonly entries: number;
  /** Different policies that are kept compiled. */
  readonly policies: number;
}

/** Ids that change from call to call of one payer, or are the same for all. */
const passing: ReadonlySet<string> = new Set(["session", "ip", "global"]);

/** Finds the policy of a subject, keeps it for a while, and compiles equal ones once. */
export class PolicyLookup<C extends object> {
  readonly #key: ((subject: SubjectIds) => unknown) | undefined;
  readonly #compile: (policy: TierPolicy) => C;
  readonly #source: PolicySource<C>;
  readonly #held: LRUCache<string, HeldPolicy<C>>;
  readonly #shared = new LRUCache<string, C>({ max: MAX_SHARED });

  /**
   * @param compile asked once for all equal policies; what it throws is thrown to the call
   * @param onFailed told each time that `limits` threw, rejected or took too long
   * @throws TollgateError `INVALID_CONFIG`
   */
  constructor(
    limits: LimitsFunction,
    options: LookupOptions | undefined,
    compile: (policy: TierPolicy) => C,
    scheduler: Scheduler,
    onFailed: (error: unknown) => void = () => undefined,
  ) {
    const { key, maxEntries, unknown, onFailure, ...times } = parseLookup(options);
    this.#key = key;
    this.#compile = compile;
    this.#held = new LRUCache({ max: maxEntries });
    const nobody = this.#standIn(unknown, "lookup.unknown");
    this.#source = {
      ...times,
      // Those who share an answer share all that it was made from.
      ask: key === undefined ? (subject) => limits(lasting(subject)) : limits,
      compile: (answer) => {
        const policy = parsePolicy(answer, "limits");
        return policy === undefined ? nobody : this.#compiled(policy);
      },
      onFailure: onFailure && this.#standIn(onFailure, "lookup.onFailure"),
      scheduler,
      tally: { asked: 0, failed: 0, unusable: 0 },
      onFailed,
    };
  }

  /**
   * What the subject's policy compiled to: a value where it is known, or answered at once.
   * @throws TollgateError `LOOKUP_FAILED`, or `INVALID_CONFIG` where the answer is not usable
   */
  resolve(subject: SubjectIds): MaybePromise<C> {
    const key = this.#keyOf(subject);
    return (this.#held.get(key) ?? this.#hold(key)).resolve(subject);
  }

  /**
   * Drops answers, so that the next call of such a subject asks anew: all of them, or those of equal
   * key, or with the standard key those of every subject that has these ids. Calls that wait for an
   * answer still get it.
   */
  forget(subject?: SubjectIds): void {
    if (subject === undefined) {
      this.#held.clear();
      return;
    }
    if (this.#key !== undefined) {
      this.#held.delete(this.#keyOf(subject));
      return;
    }
    // Within an id quotes are escaped, so a pair is found only where it is one.
    const pairs = lastingIds(subject);
    const concerned = [...this.#held.keys()].filter((key) =>
      pairs.every((pair) => key.includes(pair)),
    );
    for (const key of concerned) this.#held.delete(key);
  }

  stats(): LookupStats {
    return { ...this.#source.tally, entries: this.#held.size, policies: this.#shared.size };
  }

  #keyOf(subject: SubjectIds): string {
    if (this.#key === undefined) return lastingIds(subject).join("");
    const key = this.#key(subject);
    if (typeof key === "string") return canonicalId(key);
    throw configError("lookup.key", "a function that returns a string", key);
  }

  #hold(key: string): HeldPolicy<C> {
    const held = new HeldPolicy(this.#source);
    this.#held.set(detached(key), held);
    return held;
  }

  #standIn(policy: TierPolicy, path: string): C {
    try {
      return this.#compiled(policy);
    } catch (error) {
      if (!isTollgateError(error)) throw error;
      throw new TollgateError(error.code, `${path}: ${error.message}`, { path, cause: error });
    }
  }

  #compiled(policy: TierPolicy): C {
    const content = contentOf(policy);
    const known = content === undefined ? undefined : this.#shared.get(content);
    if (known !== undefined) return known;
    const compiled = this.#compile(policy);
    if (content !== undefined) this.#shared.set(content, compiled);
    return compiled;
  }
}

/** The ids that an answer may depend on, each as the text of a pair, in a fixed order. */
function lastingIds(subject: SubjectIds): readonly string[] {
  const pairs: string[] = [];
  for (const scope of Object.keys(subject).toSorted()) {
    const id = passing.has(scope) ? undefined : idFor(subject, scope);
    if (id !== undefined) pairs.push(`[${JSON.stringify(scope)},${JSON.stringify(id)}]`);
  }
  return pairs;
}

const lasting = (subject: SubjectIds): SubjectIds =>
  Object.fromEntries(Object.entries(subject).filter(([scope]) => !passing.has(scope)));
