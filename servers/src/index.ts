export { missingPackage, skipReason, type ServerKind } from "./availability.ts";
export { mariadbServer, type MariadbServerOptions } from "./mariadb.ts";
export { postgresServer, type PostgresServerOptions } from "./postgres.ts";
export { redisCluster, type RedisCluster } from "./redis-cluster.ts";
export { redisServer, type RedisServerOptions } from "./redis.ts";
export type { RunningServer } from "./server.ts";
