/**
 * What keys are called. The braces are the hash tag of Redis Cluster: keys with one tag lie on one
 * node. Everything about a tenant has one, and so has everything about a subject in no tenant.
 *
 * ```text
 * <prefix>{<tag>}r:<record key>  a record, packed
 * <prefix>{<tag>}o               the open reservations at records of the tag, by when they are over
 * <prefix>h:<token>              a reservation
 *
 * on a cluster
 * <prefix>{<tag>}h:<token>       the part of a reservation that is about records of the tag
 * <prefix>p:<token>              the tag of its first part, for who has but the token
 * ```
 */
export interface Names {
  readonly record: (key: string) => string;
  /** The index of open reservations that a record belongs to. */
  readonly index: (key: string) => string;
  readonly reservation: (token: string) => string;
  /** Patterns for SCAN. */
  readonly records: string;
  readonly reservations: string;
  /** Back from a name. */
  readonly keyIn: (name: string) => string;
  readonly tokenIn: (name: string) => string;
}

/** Names on a cluster, where reservations have a part for each tag. */
export interface ClusterNames extends Omit<Names, "reservation"> {
  readonly under: (tag: string) => Names;
  readonly place: (token: string) => string;
  readonly tagIn: (name: string) => string;
}

// A space is `<limiter>:<scope>`, encoded; "!" marks scopes that were taken out of the tenant.
const TENANT_SPACE = /%3Atenant$/;

/** The key's tenant, where it lies in one or is one; else the whole subject. See `encodeKey` of core. */
export function tagOf(key: string): string {
  const [, space = "", first = "", second] = key.split(":");
  return second !== undefined || TENANT_SPACE.test(space) ? first : `${space}:${first}`;
}

const literally = (text: string): string => text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`);

/** Names on a single server. */
export const namesIn = (prefix: string): Names => ({
  record: (key) => `${prefix}{${tagOf(key)}}r:${key}`,
  index: (key) => `${prefix}{${tagOf(key)}}o`,
  reservation: (token) => `${prefix}h:${token}`,
  records: `${literally(prefix)}{*}r:*`,
  reservations: `${literally(prefix)}h:*`,
  keyIn: (name) => name.slice(name.indexOf("}r:", prefix.length) + 3),
  tokenIn: (name) => name.slice(prefix.length + 2),
});

export function clusterNamesIn(prefix: string): ClusterNames {
  const common = {
    ...namesIn(prefix),
    reservations: `${literally(prefix)}{*}h:*`,
    tokenIn: (name: string) => name.slice(name.indexOf("}h:", prefix.length) + 3),
  };
  return {
    ...common,
    under: (tag) => ({ ...common, reservation: (token) => `${prefix}{${tag}}h:${token}` }),
    place: (token) => `${prefix}p:${token}`,
    tagIn: (name) => name.slice(prefix.length + 1, name.indexOf("}", prefix.length)),
  };
}
