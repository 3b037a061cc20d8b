import { isIP } from "node:net";

/** Addresses of one IPv6 customer lie within this prefix (RFC 6177); fewer bits, fewer subjects. */
export const DEFAULT_IPV6_PREFIX = 56;

/** `[2001:db8::1]:443` and `203.0.113.7:443`, as some proxies write them, without their port. */
function withoutPort(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? [];
  if (bracketed !== undefined) return bracketed;
  const [, dotted] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text) ?? [];
  return dotted ?? text;
}

function parseGroups(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

// The eight groups of an address that `isIP` has accepted.
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const before = parseGroups(head);
  if (tail === undefined) return before;
  const after = parseGroups(tail);
  return [
    ...before,
    ...Array.from({ length: 8 - before.length - after.length }, () => 0),
    ...after,
  ];
}

// RFC 5952: lower case, and the longest run of two or more zero groups (the first of equals) as "::".
function formatGroups(groups: readonly number[]): string {
  let [runAt, runLength] = [0, 1];
  for (let at = 0; at < groups.length; at += 1) {
    let length = 0;
    while (groups[at + length] === 0) length += 1;
    if (length > runLength) [runAt, runLength] = [at, length];
  }
  const hex = groups.map((group) => group.toString(16));
  if (runLength < 2) return hex.join(":");
  return `${hex.slice(0, runAt).join(":")}::${hex.slice(runAt + runLength).join(":")}`;
}

const isMapped = (groups: readonly number[]): boolean =>
  groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;

/**
 * The subject an address stands for: an IPv4 address itself, an IPv6 address its network, such as
 * `2001:db8:1234:5600::/56`, since one host may use billions of addresses. IPv4-mapped addresses are
 * IPv4 in whatever notation. What is not a single IP address gives `undefined`, and is never an id.
 *
 * @param prefixBits how much of an IPv6 address counts
 */
export function normaliseAddress(
  address: unknown,
  prefixBits: number = DEFAULT_IPV6_PREFIX,
): string | undefined {
  if (typeof address !== "string") return undefined;
  const [bare = ""] = withoutPort(address.trim()).split("%", 1);
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const groups = groupsOf(bare);
  const [, , , , , , high = 0, low = 0] = groups;
  if (isMapped(groups)) return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const network = groups.map((group, index) => {
    const bits = Math.min(16, Math.max(0, prefixBits - 16 * index));
    return group & (0xffff << (16 - bits)) & 0xffff;
  });
  return `${formatGroups(network)}/${String(prefixBits)}`;
}

/** The address itself, as {@link normaliseAddress} understands it, without a network. */
export const exactAddress = (address: unknown): string | undefined =>
  normaliseAddress(address, 128)?.replace("/128", "");
