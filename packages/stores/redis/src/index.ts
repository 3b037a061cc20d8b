export type {
  Argument,
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
} from "./client.ts";
export { redisStore, type RedisStoreOptions } from "./redis-store.ts";
