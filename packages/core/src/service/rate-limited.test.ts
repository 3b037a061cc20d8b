import { describe, expect, test } from "@jest/globals";

import { isRateLimitError } from "../errors.ts";
import { rateLimited } from "./rate-limited.ts";
import { reasonOf, serviceStage } from "./service.test-support.ts";

const label = Symbol("label");

class Base {
  inherited(): string {
    return "inherited";
  }
}

/** Uses all that an object can do by itself. */
class Sessions extends Base {
  static readonly kind = "sessions";
  readonly #messages: string[] = [];
  #title = "untitled";
  owner = "nobody";

  get title(): string {
    return this.#title;
  }

  set title(title: string) {
    this.#title = title;
  }

  get [label](): string {
    return `#${this.#title}`;
  }

  async append(text: string): Promise<number> {
    return this.#messages.push(text);
  }

  async appendAll(texts: readonly string[]): Promise<number> {
    for (const text of texts) await this.append(text);
    return this.#messages.length;
  }

  count(): number {
    return this.#messages.length;
  }

  itself(): this {
    return this;
  }

  readonly bound = (): number => this.#messages.length;
}

const send = async (): Promise<string> => "sent";

const subject = "ann";
const methods = { append: { subject } } as const;

function sessionsStage() {
  const stage = serviceStage();
  const sessions = new Sessions();
  return { ...stage, sessions, limited: rateLimited(sessions, methods, stage.limiter) };
}

describe("a rate-limited service", () => {
  test("charges the guarded methods and no others, and refuses without calling them", async () => {
    const { limited, sessions, used } = sessionsStage();
    for (let n = 1; n <= 10; n += 1) expect(await limited.append("hi")).toBe(n);
    expect(isRateLimitError(await reasonOf(limited.append("one too many")))).toBe(true);
    expect(limited.count()).toBe(10);
    expect(limited.inherited()).toBe("inherited");
    expect(sessions.count()).toBe(10);
    expect(used()["count"]).toEqual([10, 0]);
  });

  test("is charged once for a call from outside, whatever that calls inside", async () => {
    const { sessions, limiter, used } = sessionsStage();
    const limited = rateLimited(
      sessions,
      {
        append: { subject },
        appendAll: { subject, cost: (texts) => ({ count: texts.length, token: 7 }) },
      },
      limiter,
    );
    expect(await limited.appendAll(["a", "b", "c"])).toBe(3);
    expect(used()).toEqual({ count: [3, 0], token: [7, 0] });
    await limited.append("d");
    expect(used()["count"]).toEqual([4, 0]);
  });

  test("calls unguarded methods on the service, which calls its own guarded ones for free", async () => {
    const { limited, used } = sessionsStage();
    expect(await limited.appendAll(["a", "b"])).toBe(2);
    expect(used()["count"]).toEqual([0, 0]);
  });

  test("finds private fields from methods, accessors and symbols, on both sides", () => {
    const { limited, sessions } = sessionsStage();
    limited.title = "plans";
    expect([limited.title, sessions.title, limited[label]]).toEqual(["plans", "plans", "#plans"]);
    expect(limited.bound()).toBe(0);
  });

  test("is of the same class, with the same keys", () => {
    const { limited, sessions } = sessionsStage();
    expect(limited).toBeInstanceOf(Sessions);
    expect(limited).toBeInstanceOf(Base);
    expect(limited.constructor).toBe(Sessions);
    expect(Reflect.ownKeys(limited)).toEqual(Reflect.ownKeys(sessions));
    expect(["append" in limited, "inherited" in limited, "other" in limited]).toEqual([
      true,
      true,
      false,
    ]);
    expect(Object.entries(limited)).toContainEqual(["owner", "nobody"]);
  });

  test("shows what changes later, and changes what the service has", async () => {
    const { limited, sessions, used } = sessionsStage();
    sessions.owner = "ann";
    expect(limited.owner).toBe("ann");
    limited.owner = "bob";
    expect(sessions.owner).toBe("bob");
    sessions.append = async () => 99;
    expect(await limited.append("hi")).toBe(99);
    expect(used()["count"]).toEqual([1, 0]);
    Reflect.deleteProperty(limited, "owner");
    expect("owner" in sessions).toBe(false);
  });

  test("shows the same function for the same method, with its name and properties", () => {
    const { limited, sessions } = sessionsStage();
    expect(Reflect.get(limited, "append")).toBe(Reflect.get(limited, "append"));
    expect(Reflect.get(limited, "count")).toBe(Reflect.get(limited, "count"));
    expect(Reflect.get(limited, "append")).not.toBe(Reflect.get(sessions, "append"));
    expect(Reflect.get(limited, "append")).toHaveProperty("name", "append");
  });

  test("guards one name of a function that has two", async () => {
    const { limiter, used } = sessionsStage();
    const limited = rateLimited({ send, sendFree: send }, { send: { subject } }, limiter);
    await limited.send();
    await limited.sendFree();
    expect(used()["count"]).toEqual([1, 0]);
  });

  test("does not hand out the service from a method made for chaining", async () => {
    const { limited, used } = sessionsStage();
    expect(limited.itself()).toBe(limited);
    await limited.itself().append("hi");
    expect(used()["count"]).toEqual([1, 0]);
  });

  test("serves objects that inherit from it", () => {
    const { limited, sessions } = sessionsStage();
    const heir: Sessions = Object.create(limited);
    heir.owner = "heir";
    expect([heir.owner, sessions.owner]).toEqual(["heir", "nobody"]);
  });

  test("can be awaited, and may be of any built-in kind", async () => {
    const { limited, limiter } = sessionsStage();
    expect(await Promise.resolve(limited)).toBe(limited);
    const map = rateLimited(new Map([["a", 1]]), { set: { subject } }, limiter);
    await map.set("b", 2);
    expect([map.size, [...map.keys()]]).toEqual([2, ["a", "b"]]);
  });

  test("may be frozen, as a whole", async () => {
    const { limiter, used } = sessionsStage();
    let sent = 0;
    const frozen = Object.freeze({
      [label]: "frozen",
      get sent() {
        return sent;
      },
      send: async () => (sent += 1),
      sendTwice: async () => (sent += 2),
    });
    const limited = rateLimited(frozen, { send: { subject } }, limiter);
    await limited.send();
    await limited.sendTwice();
    expect([limited.sent, limited[label]]).toEqual([3, "frozen"]);
    expect(used()["count"]).toEqual([1, 0]);
    expect(Object.isFrozen(limited)).toBe(true);
    expect(Reflect.ownKeys(limited)).toEqual(Reflect.ownKeys(frozen));
    expect(Reflect.set(limited, "send", undefined)).toBe(false);
    const instance = rateLimited(Object.freeze(new Sessions()), methods, limiter);
    expect(await instance.append("hi")).toBe(1);
    expect([instance.count(), instance instanceof Sessions]).toEqual([1, true]);
  });

  test("shows a fixed property as it is", () => {
    const { limiter } = sessionsStage();
    const service = { send: async () => 1 };
    const limited = rateLimited(
      Object.defineProperty(service, "fixed", { value: send }),
      { send: { subject } },
      limiter,
    );
    expect(Reflect.get(limited, "fixed")).toBe(send);
    expect(() =>
      Reflect.apply(rateLimited, undefined, [service, { fixed: { subject } }, limiter]),
    ).toThrow("methods.fixed: expected a method that is not fixed, or a frozen service");
  });
});

test.each([
  ["service", undefined, methods, "an object with methods, got undefined"],
  ["methods", new Sessions(), undefined, "options by method name, got undefined"],
  ["methods", new Sessions(), {}, "options by method name, got an object"],
  [
    "methods.apend",
    new Sessions(),
    { apend: { subject } },
    "a method of the service, got undefined",
  ],
  ["methods.owner", new Sessions(), { owner: { subject } }, "a method of the service, got string"],
  ["methods.append", new Sessions(), { append: undefined }, "an object, got undefined"],
  ["methods.append.subject", new Sessions(), { append: {} }, "a subject, or a function"],
  ["methods.append.cost", new Sessions(), { append: { subject, cost: 1 } }, "amounts by type"],
  ["methods.append.costs", new Sessions(), { append: { subject, costs: {} } }, "only the options"],
])("%s has to be usable", (path, service, given, expected) => {
  const { limiter } = serviceStage();
  expect(() => Reflect.apply(rateLimited, undefined, [service, given, limiter])).toThrow(
    `${path}: expected ${expected}`,
  );
});
