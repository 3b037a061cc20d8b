import { expectTypeOf } from "expect-type";

import type { Decision } from "../decision.ts";
import type { Limiter, SettlementOutcome } from "../limiter.ts";
import type { Usage } from "../usage.ts";
import { type AgentHooks, agentHooks } from "./agent-hooks.ts";
import { guard } from "./guard.ts";
import { rateLimited } from "./rate-limited.ts";

declare const limiter: Limiter;
declare const syncLimiter: Limiter<"sync">;

// What returned a promise keeps its type, overloads and type parameters included.
declare function send(to: string, copies?: number): Promise<{ readonly id: string }>;
declare function fetchOne<T>(key: T): Promise<T>;
declare function load(id: number): Promise<number>;
declare function load(id: string): Promise<string>;
expectTypeOf(guard(limiter, send, { subject: "me" })).toEqualTypeOf<typeof send>();
expectTypeOf(guard(syncLimiter, fetchOne, { subject: "me" })(7 as const)).toEqualTypeOf<
  Promise<7>
>();
expectTypeOf(guard(limiter, load, { subject: "me" })).toEqualTypeOf<typeof load>();

// What did not does so from now on, with the same parameters and `this`.
declare function add(a: number, b?: number): number;
declare function ask(id: string): PromiseLike<string> | string;
declare function own(this: Set<string>, id: string): boolean;
expectTypeOf(guard(limiter, add, { subject: "me" })).toEqualTypeOf<
  (this: unknown, a: number, b?: number) => Promise<number>
>();
expectTypeOf(guard(limiter, ask, { subject: "me" })).toEqualTypeOf<typeof ask>();
expectTypeOf(guard(limiter, own, { subject: "me" })).toEqualTypeOf<
  (this: Set<string>, id: string) => Promise<boolean>
>();

// A promise with more to it than a promise is not what the guarded function returns.
interface Request extends Promise<string> {
  readonly abort: () => void;
}
declare function begin(url: string): Request;
expectTypeOf(guard(limiter, begin, { subject: "me" })).returns.toEqualTypeOf<Promise<string>>();

// The options know the arguments and the result.
guard(limiter, send, {
  subject: (to, copies) => {
    expectTypeOf(to).toEqualTypeOf<string>();
    expectTypeOf(copies).toEqualTypeOf<number | undefined>();
    return { user: to };
  },
  cost: async (_, copies = 1) => ({ count: copies }),
  settle: (result, to) => {
    expectTypeOf(result).toEqualTypeOf<{ readonly id: string }>();
    return { token: result.id.length + to.length };
  },
  onError: (error, to) => {
    expectTypeOf(error).toEqualTypeOf<unknown>();
    return { token: to.length };
  },
  wait: { maxWaitMs: 100, signal: (to) => (to === "" ? undefined : AbortSignal.timeout(1)) },
});

// @ts-expect-error somebody has to be charged
guard(limiter, send, {});
// @ts-expect-error not a function
guard(limiter, "send", { subject: "me" });
// @ts-expect-error no such option
guard(limiter, send, { subject: "me", costs: { count: 1 } });
// @ts-expect-error amounts are numbers
guard(limiter, send, { subject: "me", cost: { count: "1" } });

declare class Service {
  readonly name: string;
  size: number;
  appendMessage(sessionId: string, text: string): Promise<number>;
  appendMessages(sessionId: string, texts: readonly string[]): Promise<number>;
  count(sessionId: string): number;
  maybe?(id: string): number;
  protected readonly secret: string;
}
declare const service: Service;

// A service whose guarded methods return promises keeps its type, what is protected included.
expectTypeOf(
  rateLimited(
    service,
    {
      appendMessage: { subject: (sessionId) => ({ session: sessionId }) },
      appendMessages: {
        subject: (sessionId) => ({ session: sessionId }),
        cost: (_, texts) => ({ count: texts.length }),
        settle: (length) => ({ token: length }),
      },
    },
    limiter,
  ),
).toEqualTypeOf<Service>();

// Else only those methods change.
const limited = rateLimited(
  service,
  { count: { subject: "me" }, maybe: { subject: (id) => id } },
  limiter,
);
expectTypeOf(limited.count).parameters.toEqualTypeOf<[sessionId: string]>();
expectTypeOf(limited.count).returns.toEqualTypeOf<Promise<number>>();
expectTypeOf(limited.maybe).extract<undefined>().toEqualTypeOf<undefined>();
expectTypeOf(limited.maybe).exclude<undefined>().returns.toEqualTypeOf<Promise<number>>();
expectTypeOf(limited.appendMessage).toEqualTypeOf<Service["appendMessage"]>();
expectTypeOf(limited.size).toEqualTypeOf<number>();
limited.size = 5;
// @ts-expect-error still only for reading
limited.name = "other";

// @ts-expect-error a slip of the pen
rateLimited(service, { apendMessage: { subject: "me" } }, limiter);
rateLimited(
  service,
  {
    appendMessage: { subject: "me" },
    // @ts-expect-error the same beside a method that is there
    apendMessages: { subject: "me" },
  },
  limiter,
);
// @ts-expect-error not a method
rateLimited(service, { size: { subject: "me" } }, limiter);

interface Turn {
  readonly turnId: string;
  readonly userId: string;
}
const hooks = agentHooks(limiter, {
  subject: ({ userId }: Turn) => ({ user: userId }),
  cost: (message: string, { userId }) => ({ token: message.length + userId.length }),
});
expectTypeOf(hooks).toEqualTypeOf<AgentHooks<string, Turn>>();
expectTypeOf(hooks.onBeforeMessage).returns.toEqualTypeOf<Promise<Decision>>();
expectTypeOf(hooks.onAfterTurn).returns.toEqualTypeOf<Promise<SettlementOutcome | undefined>>();
expectTypeOf(hooks.usage).returns.toEqualTypeOf<Promise<readonly Usage[]>>();
// @ts-expect-error a turn has an id
agentHooks(limiter, { subject: ({ userId }: { readonly userId: string }) => userId });
