const core = require("@tollgate/core");
const llm = require("@tollgate/core/llm");
const { rateLimit: expressLimit } = require("@tollgate/express");
const { rateLimit: fastifyLimit } = require("@tollgate/fastify");
const { rateLimit: koaLimit } = require("@tollgate/koa");
const express = require("express");
const fastify = require("fastify");
const Koa = require("koa");

const {
  decides,
  meters,
  recognises,
  servesExpress,
  servesFastify,
  servesKoa,
} = require("./exercise.cjs");

async function main() {
  const moduleCore = await import("@tollgate/core");
  decides(core);
  await meters(core, llm);
  recognises(moduleCore, core);
  recognises(core, moduleCore);
  await servesExpress(express, expressLimit);
  await servesKoa(Koa, koaLimit);
  await servesFastify(fastify, fastifyLimit);
}

void main();
