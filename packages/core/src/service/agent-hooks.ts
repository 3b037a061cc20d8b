import { LRUCache } from "lru-cache";

import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import { configError } from "../errors.ts";
import type { Limiter, SettlementOutcome } from "../limiter.ts";
import { checkId, invalidArgument } from "../limiter/arguments.ts";
import { isObject, parseInteger, rejectUnknownKeys } from "../parse.ts";
import { MAX_LEASE_MS } from "../reservation.ts";
import { queueOf, type Subject } from "../subject.ts";
import type { Usage } from "../usage.ts";
import { admit } from "./admit.ts";
import { type Admission, AgentTurn } from "./agent-turn.ts";
import {
  type CallWait,
  checkCostOption,
  checkSubjectOption,
  costOf,
  parseWait,
  type Patience,
  type Told,
} from "./call-options.ts";

/** What every hook is told about the turn it belongs to. */
export interface TurnContext {
  /**
   * Names the turn among those of its subject. Made by the agent, never by its user, whom an id used
   * again would let ride on an earlier charge.
   */
  readonly turnId: string;
}

/** Options of `agentHooks`. */
export interface AgentHooksOptions<Message, Context extends TurnContext> {
  /** Who is charged; the same in all hooks of a turn. */
  readonly subject: Subject | ((context: Context) => Subject);
  /**
   * What the whole turn is thought to cost, and is held while it goes on; `count` is 1 unless named.
   * Only the first message of a turn is asked about. @default { count: 1 }
   */
  readonly cost?: Told<Cost, [message: Message, context: Context]>;
  /** Waits for room instead of being refused at once. @default does not wait */
  readonly wait?: CallWait<[message: Message, context: Context]>;
  /**
   * How long a turn is believed to go on after the last hook was called: 1 ms to a day.
   * @default the limiter's `leaseMs`
   */
  readonly leaseMs?: number;
  /** Of how many turns something is remembered; who is forgotten stays charged what is held. @default 10_000 */
  readonly maxTurns?: number;
}

/** Options of `onAfterTurn`. */
export interface TurnEnd {
  /** What the turn cost in all, by type: instead of what `onUsage` was told. */
  readonly cost?: Cost;
}

/** Hooks for the loop of an agent, in which one turn of a user is many calls of models and tools. */
export interface AgentHooks<Message, Context extends TurnContext> {
  /**
   * Call it before each message to a model. The first of a turn decides on the turn and holds its
   * cost; the others are never refused, and repeat that decision.
   * @throws TollgateError `REFUSED`, with the wait in its message and in its decision
   */
  readonly onBeforeMessage: (message: Message, context: Context) => Promise<Decision>;
  /** Tells what a call within the turn cost; the turn is settled to the sum. */
  readonly onUsage: (context: Context, cost: Cost) => Promise<void>;
  /**
   * Ends a turn, also one that failed: what it cost is what was told, and of types that nobody told
   * about what is held. `undefined` when there is nothing to end. May be tried again where it throws.
   */
  readonly onAfterTurn: (context: Context, end?: TurnEnd) => Promise<SettlementOutcome | undefined>;
  /** How the limits of the turn's subject stand. */
  readonly usage: (context: Context) => Promise<readonly Usage[]>;
  /** Ends every turn that goes on, before `limiter.close()`. */
  readonly close: () => Promise<void>;
}

/**
 * Charges one turn of a user once, however many calls it makes. A turn that is never ended stays
 * charged what it holds, and its slots are free again when its lease ends.
 *
 * @example
 * const hooks = agentHooks(limiter, { subject: ({ userId }: Turn) => ({ user: userId }) })
 * await hooks.onBeforeMessage(message, turn)
 * await hooks.onUsage(turn, { token: 512 })
 * await hooks.onAfterTurn(turn)
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function agentHooks<Message = unknown, Context extends TurnContext = TurnContext>(
  limiter: Limiter,
  options: AgentHooksOptions<Message, Context>,
): AgentHooks<Message, Context> {
  const { wait, maxTurns } = parseOptions(options);
  const { subject: told, cost, leaseMs } = options;
  const turns = new LRUCache<string, AgentTurn>({ max: maxTurns });
  const subjectOf = (context: Context): Subject =>
    typeof told === "function" ? told(context) : told;
  // Of a subject, since nobody must be let in on the charge of somebody else.
  const keyOf = (context: Context): string => {
    checkId("turnId", context.turnId);
    return JSON.stringify([queueOf(subjectOf(context)), context.turnId]);
  };

  const begin = async (message: Message, context: Context): Promise<Admission> => {
    const subject = subjectOf(context);
    const args: [Message, Context] = [message, context];
    const entering = { subject, cost: await costOf(cost, args), args, wait };
    const own = await limiter.forSubject(subject);
    const id = context.turnId;
    const reserve = leaseMs === undefined ? { id } : { id, leaseMs };
    return { limiter: own, decision: await admit(own, { ...entering, reserve }) };
  };

  return {
    onBeforeMessage: async (message, context) => {
      const key = keyOf(context);
      const known = turns.get(key);
      if (known !== undefined) {
        const decision = await known.decision();
        await known.renew();
        return decision;
      }
      const turn = new AgentTurn(
        context.turnId,
        subjectOf(context),
        leaseMs,
        begin(message, context),
      );
      turns.set(key, turn);
      try {
        return await turn.decision();
      } catch (error) {
        // Refusals are not on record: the turn may be tried again.
        if (turns.peek(key) === turn) turns.delete(key);
        throw error;
      }
    },
    onUsage: async (context, spent) => {
      const turn = turns.get(keyOf(context));
      if (turn === undefined) {
        const expected = "the id of a turn that onBeforeMessage has admitted";
        throw invalidArgument("turnId", expected, context.turnId);
      }
      await turn.add(spent);
      await turn.renew();
    },
    onAfterTurn: async (context, { cost: total = {} } = {}) =>
      turns.get(keyOf(context))?.end(total),
    usage: async (context) => limiter.usage(subjectOf(context)),
    close: async () => {
      await Promise.allSettled(Array.from(turns.values(), async (turn) => turn.end({})));
    },
  };
}

function parseOptions<Message, Context extends TurnContext>(
  options: AgentHooksOptions<Message, Context>,
): {
  readonly wait: Patience<[message: Message, context: Context]> | undefined;
  readonly maxTurns: number;
} {
  const given: unknown = options;
  if (!isObject(given)) throw configError("options", "an object", given);
  rejectUnknownKeys(given, ["subject", "cost", "wait", "leaseMs", "maxTurns"], "");
  const { subject, cost, leaseMs, maxTurns = 10_000 } = options;
  checkSubjectOption(subject, "subject");
  checkCostOption(cost, "cost");
  if (leaseMs !== undefined) parseInteger(leaseMs, "leaseMs", "milliseconds", 1, MAX_LEASE_MS);
  parseInteger(maxTurns, "maxTurns", "turns", 1, 1_000_000);
  return { wait: parseWait(options.wait, "wait"), maxTurns };
}
