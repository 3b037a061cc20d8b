import { createRequire } from "node:module";

import * as config from "@tollgate/config";
import * as core from "@tollgate/core";
import * as llm from "@tollgate/core/llm";
import { rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { rateLimit as koaLimit } from "@tollgate/koa";
import { redisStore } from "@tollgate/redis";
import { ddl } from "@tollgate/sql";
import express from "express";
import fastify from "fastify";
import { Redis } from "ioredis";
import Koa from "koa";

import {
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
} from "./exercise.cjs";

const require = createRequire(import.meta.url);
const commonJsCore = require("@tollgate/core");

decides(core);
await meters(core, llm);
await limitsServices(core);
readsFiles(core, config);
recognises(commonJsCore, core);
recognises(core, commonJsCore);
writesTables(ddl);
await sharesUsage(core, redisStore, Redis);
await servesExpress(express, expressLimit);
await servesKoa(Koa, koaLimit);
await servesFastify(fastify, fastifyLimit);

// A program may well load one copy and its dependencies the other.
const limiter = commonJsCore.createLimiter({
  limits: [{ type: "count", window: "minute", limit: 1 }],
});
await servesExpress(express, () => expressLimit({ limiter }));
