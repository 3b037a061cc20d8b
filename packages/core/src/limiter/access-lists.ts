import { BlockList, isIP } from "node:net";

import type { Decision } from "../decision.ts";
import { unlimited } from "../decision.ts";
import { configError } from "../errors.ts";
import { isObject, parseWord } from "../parse.ts";
import type { Subject } from "../subject.ts";

/**
 * Who is on a list: ids by scope. For `ip` an entry is an address, a range such as `10.0.0.0/8` or
 * `2001:db8::/32`, or all of it a `net.BlockList`.
 */
export type AccessList = Readonly<Record<string, readonly string[] | BlockList>>;

/** Whether an id, or for `ip` an address, is on a list. */
type Listed = (id: string) => boolean;

function addTo(list: BlockList, entry: unknown, path: string): void {
  const [address = "", prefix, ...rest] = typeof entry === "string" ? entry.split("/") : [];
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (version === 0 || rest.length > 0 || bits < 0 || bits > most) {
    throw configError(path, "an IP address or a range such as 10.0.0.0/8", entry);
  }
  list.addSubnet(address, bits, version === 4 ? "ipv4" : "ipv6");
}

const addressesListed =
  (ranges: BlockList): Listed =>
  (id) => {
    const [first, last] = endsOf(id);
    return isIn(ranges, first) && isIn(ranges, last);
  };

function isIn(ranges: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && ranges.check(address, version === 4 ? "ipv4" : "ipv6");
}

/**
 * The first and the last address that an `ip` stands for: one, or a network such as
 * `2001:db8:0:5600::/56`, which is on a list only if all of it is.
 */
function endsOf(id: string): readonly [first: string, last: string] {
  const [, start = "", bits = ""] = /^([^/]*)\/(\d{1,3})$/.exec(id) ?? [];
  if (isIP(start) !== 6 || Number(bits) > 128) return [id, id];
  const [head = "", tail] = start.split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const last = [...before, ...zeros, ...after].map((group, index) => {
    const fixed = Math.min(16, Math.max(0, Number(bits) - 16 * index));
    return (Number.parseInt(group, 16) | (0xffff >> fixed)).toString(16);
  });
  return [start, last.join(":")];
}

function idsListed(entries: readonly unknown[], path: string): Listed {
  const ids = new Set(
    entries.map((entry, index) => {
      if (typeof entry === "string" && entry !== "") return entry;
      throw configError(`${path}[${String(index)}]`, "an id, which is a non-empty string", entry);
    }),
  );
  return (id) => ids.has(id);
}

function parseList(list: unknown, path: string): ReadonlyMap<string, Listed> {
  if (list === undefined) return new Map();
  if (!isObject(list)) throw configError(path, "an object of lists by scope", list);
  return new Map(
    Object.entries(list).map(([scope, entries]): [string, Listed] => {
      const place = `${path}.${scope}`;
      parseWord(scope, place, "a scope such as user");
      if (scope === "ip" && entries instanceof BlockList) return [scope, addressesListed(entries)];
      if (!Array.isArray(entries)) throw configError(place, "an array of ids", entries);
      if (scope !== "ip") return [scope, idsListed(entries, place)];
      const ranges = new BlockList();
      for (const [index, entry] of entries.entries()) {
        addTo(ranges, entry, `${place}[${String(index)}]`);
      }
      return [scope, addressesListed(ranges)];
    }),
  );
}

const idsIn = (subject: Subject): Exclude<Subject, string> =>
  typeof subject === "string" ? { caller: subject } : subject;

/** Which subjects no limit concerns, and which are turned away whatever the limits say. */
export class AccessLists {
  readonly #allowed: ReadonlyMap<string, Listed>;
  readonly #denied: ReadonlyMap<string, Listed>;
  /** Whether there is anything to look at. */
  readonly inUse: boolean;

  constructor(allow: unknown, deny: unknown) {
    this.#allowed = parseList(allow, "allow");
    this.#denied = parseList(deny, "deny");
    this.inUse = this.#allowed.size + this.#denied.size > 0;
  }

  /**
   * The answer to a subject on a list, whom no limit needs to be asked about. Who is on both is
   * turned away.
   * @param address the address itself, where the subject's `ip` stands for a whole network
   */
  decide(subject: Subject, nowMs: number, address?: string): Decision | undefined {
    const ids = idsIn(subject);
    const denying = onList(this.#denied, ids, address);
    if (denying !== undefined) return denied(denying, nowMs);
    return onList(this.#allowed, ids, address) === undefined ? undefined : unlimited(nowMs);
  }
}

/** The scope by which the subject is on a list. */
function onList(
  list: ReadonlyMap<string, Listed>,
  ids: Exclude<Subject, string>,
  address: string | undefined,
): string | undefined {
  for (const [scope, isListed] of list) {
    const id = scope === "ip" ? (address ?? ids[scope]) : ids[scope];
    if (typeof id === "string" && isListed(id)) return scope;
  }
  return undefined;
}

const denied = (scope: string, nowMs: number): Decision => ({
  ...unlimited(nowMs),
  outcome: "refused",
  allowed: false,
  reason: `the subject's ${scope} is on the deny list`,
  deniedBy: scope,
});
