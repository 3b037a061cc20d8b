const config = require("@tollgate/config");
const schema = require("@tollgate/config/schema.json");
const core = require("@tollgate/core");
const llm = require("@tollgate/core/llm");
const { rateLimit: expressLimit } = require("@tollgate/express");
const { rateLimit: fastifyLimit } = require("@tollgate/fastify");
const { rateLimit: koaLimit } = require("@tollgate/koa");
const { redisStore } = require("@tollgate/redis");
const { ddl } = require("@tollgate/sql");
const express = require("express");
const fastify = require("fastify");
const { Redis } = require("ioredis");
const Koa = require("koa");

const {
  decides,
  limitsServices,
  meters,
  readsFiles,
  recognises,
  servesExpress,
  servesFastify,
  servesKoa,
  sharesUsage,
  writesTables,
} = require("./exercise.cjs");

async function main() {
  const moduleCore = await import("@tollgate/core");
  decides(core);
  await meters(core, llm);
  await limitsServices(core);
  readsFiles(core, config);
  if (schema.$schema === undefined) throw new Error("the published schema is none");
  recognises(moduleCore, core);
  recognises(core, moduleCore);
  writesTables(ddl);
  await sharesUsage(core, redisStore, Redis);
  await servesExpress(express, expressLimit);
  await servesKoa(Koa, koaLimit);
  await servesFastify(fastify, fastifyLimit);
}

void main();
