import {
  RateLimiterMySQL,
  RateLimiterPostgres,
  RateLimiterRedis,
  RateLimiterSQLite,
  RateLimiterUnion,
} from "rate-limiter-flexible";

import type { Decider } from "./stores-load.ts";

/** Four limits that nobody reaches: the layers and their windows, for both sides. */
export const layers = [
  { scope: "session", window: "minute", seconds: 60 },
  { scope: "user", window: "hour", seconds: 3600 },
  { scope: "tenant", window: "day", seconds: 86_400 },
  { scope: "global", window: "day", seconds: 86_400 },
] as const;

/** What nobody reaches, and a 32-bit column still holds. */
export const PLENTY = 1_000_000_000;

/** One limiter of rate-limiter-flexible, as far as it is used. */
interface PeerLimiter {
  readonly consume: (key: string) => Promise<unknown>;
}

const optionsOf = ({ scope, seconds }: (typeof layers)[number]) =>
  ({ keyPrefix: `peer_${scope}`, points: PLENTY, duration: seconds }) as const;

/** A limiter that has made its table. */
const withTable = async <L>(make: (done: (error?: Error) => void) => L): Promise<L> =>
  new Promise((resolve, reject) => {
    const limiter: L = make((error) => {
      if (error === undefined) resolve(limiter);
      else reject(error);
    });
  });

/** As its users put four limits together: one key for all, and four answers at once. */
function union(name: string, limiters: ConstructorParameters<typeof RateLimiterUnion>): Decider {
  const limiter = new RateLimiterUnion(...limiters);
  return { name, decide: ({ session }) => limiter.consume(session) };
}

/** What the union does, but with each layer's own key: the same counting as Tollgate's. */
function layered(name: string, limiters: readonly PeerLimiter[]): Decider {
  const [session, user, tenant, global] = limiters;
  return {
    name,
    decide: (caller) =>
      Promise.all([
        session?.consume(caller.session),
        user?.consume(caller.user),
        tenant?.consume(caller.tenant),
        global?.consume("global"),
      ]),
  };
}

/** The same four limiters of rate-limiter-flexible, asked in two ways. */
export interface Peers {
  readonly union: Decider;
  readonly layered: Decider;
}

const UNION = "rate-limiter-flexible union";
const LAYERED = "rate-limiter-flexible, a key for each layer";

const both = (
  limiters: ConstructorParameters<typeof RateLimiterUnion> & readonly PeerLimiter[],
  suffix = "",
): Peers => ({
  union: union(UNION + suffix, limiters),
  layered: layered(LAYERED + suffix, limiters),
});

/** @param suffix tells clients apart */
export const redisPeers = (storeClient: unknown, suffix?: string): Peers =>
  both(
    layers.map((layer) => new RateLimiterRedis({ ...optionsOf(layer), storeClient })),
    suffix,
  );

export const postgresPeers = async (storeClient: unknown): Promise<Peers> =>
  both(
    await Promise.all(
      layers.map(async (layer) =>
        withTable(
          (done) =>
            new RateLimiterPostgres(
              { ...optionsOf(layer), storeClient, storeType: "pool", clearExpiredByTimeout: false },
              done,
            ),
        ),
      ),
    ),
  );

/** The tables of {@link postgresPeers}. */
export const peerTables: readonly string[] = layers.map((layer) => optionsOf(layer).keyPrefix);

export const mysqlPeers = async (storeClient: unknown, dbName: string): Promise<Peers> =>
  both(
    await Promise.all(
      layers.map(async (layer) =>
        withTable(
          (done) =>
            new RateLimiterMySQL(
              {
                ...optionsOf(layer),
                storeClient,
                storeType: "pool",
                dbName,
                clearExpiredByTimeout: false,
              },
              done,
            ),
        ),
      ),
    ),
  );

export const sqlitePeers = async (storeClient: unknown): Promise<Peers> =>
  both(
    await Promise.all(
      layers.map(async (layer) => {
        const { keyPrefix: tableName } = optionsOf(layer);
        const storeType = "better-sqlite3";
        const options = { ...optionsOf(layer), storeClient, storeType, tableName };
        return withTable(
          (done) => new RateLimiterSQLite({ ...options, clearExpiredByTimeout: false }, done),
        );
      }),
    ),
  );
