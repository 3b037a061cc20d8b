// Holds the packages to their layers: imports point inwards, and no package reaches into another.
// `node scripts/check-graph.js [folder]`
import { basename } from "node:path/posix";

import { findCycles, readGraph } from "./graph.js";

const root = process.argv[2] ?? ".";
const { packages, files, edges } = readGraph(root);

const CORE = "packages/core";
const CONFIG = "packages/config";

const packageOf = (file) => packages.find((folder) => file.startsWith(`${folder}/`));

/** `core`, `core/algorithms`, `core/http`, `adapters/express`, …: a package, or a folder of core. */
function layerOf(file) {
  const owner = packageOf(file);
  if (owner === undefined) return "(no package)";
  const [folder, rest] = file.slice(`${owner}/src/`.length).split("/");
  const name = owner.replace("packages/", "");
  return owner === CORE && rest !== undefined ? `${name}/${folder}` : name;
}

const isAdapter = (file) => file.startsWith("packages/adapters/");
const isStore = (file) => file.startsWith("packages/stores/");
// Text in, numbers out: what a request or an answer says has nothing to do with limits.
const isReader = (file) => /^packages\/core\/src\/llm\/(text|media|request|usage)\//.test(file);
const TOKENS = `${CORE}/src/llm/tokens.ts`;

const isBuiltIn = (name) => name.startsWith("node:");

// What a framework's adapter needs beside the framework itself.
const companions = { fastify: ["fastify-plugin"] };

function adapterMayName(folder, name) {
  const framework = basename(folder);
  const known = ["@tollgate/core", "@tollgate/core/http", framework];
  return [...known, ...(companions[framework] ?? [])].includes(name);
}

/** Each rule says which imports break it. */
const rules = [
  {
    rule: "no package reaches into another's src or dist",
    breaks: ({ from, name, to }) =>
      to === undefined
        ? /^@tollgate\/[^/]+\/(src|dist)(\/|$)/.test(name)
        : !to.startsWith(`${packageOf(from)}/src/`),
  },
  {
    rule: "algorithms import nothing but one another",
    breaks: ({ from, to }) =>
      layerOf(from) === "core/algorithms" && (!to || layerOf(to) !== "core/algorithms"),
  },
  {
    rule: "core imports only node:*, lru-cache and itself",
    breaks: ({ from, name, to }) =>
      packageOf(from) === CORE && !to && !isBuiltIn(name) && name !== "lru-cache",
  },
  {
    rule: "in core, only http and testing know http",
    breaks: ({ from, to }) =>
      to !== undefined &&
      layerOf(to) === "core/http" &&
      !["core/http", "core/testing"].includes(layerOf(from)),
  },
  {
    rule: "the readers of LLM requests and answers know only one another",
    breaks: ({ from, to }) => isReader(from) && (!to || !(isReader(to) || to === TOKENS)),
  },
  {
    rule: "in core, only testing knows testing",
    breaks: ({ from, to }) =>
      to !== undefined && layerOf(to) === "core/testing" && layerOf(from) !== "core/testing",
  },
  {
    rule: "config imports only core, yaml, node:* and itself",
    breaks: ({ from, name, to }) =>
      packageOf(from) === CONFIG &&
      !to &&
      !isBuiltIn(name) &&
      !["@tollgate/core", "yaml"].includes(name),
  },
  {
    // A client is handed to a store, which knows but the few methods it calls.
    rule: "stores import only core, core/shared, node:* and themselves",
    breaks: ({ from, name, to }) =>
      isStore(from) &&
      !to &&
      !isBuiltIn(name) &&
      !["@tollgate/core", "@tollgate/core/shared"].includes(name),
  },
  {
    rule: "adapters import only core, core/http, node:*, their framework and themselves",
    breaks: ({ from, name, to }) =>
      isAdapter(from) && !to && !isBuiltIn(name) && !adapterMayName(packageOf(from), name),
  },
];

// Types are gone when files load, so a cycle that needs one to close is only counted.
const cycles = findCycles(
  files,
  edges.filter(({ typeOnly }) => !typeOnly),
);
const typeCycles = findCycles(files, edges).length - cycles.length;

const faults = [
  ...(files.length === 0 ? ["no source file was found"] : []),
  ...rules.flatMap(({ rule, breaks }) =>
    edges.filter(breaks).map(({ from, name }) => `${from} imports "${name}": ${rule}`),
  ),
  ...packages
    .filter((folder) => ![CORE, CONFIG].includes(folder) && !isAdapter(folder) && !isStore(folder))
    .map((folder) => `${folder}: every package has a rule here`),
  ...cycles.map((cycle) => `${cycle.join(" → ")}: files do not import in a circle`),
];

const count = (values) =>
  [...values.reduce((seen, value) => seen.set(value, (seen.get(value) ?? 0) + 1), new Map())]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, times]) => `  ${value}  ${times}`);

console.log("files by layer");
console.log(count(files.map(layerOf)).join("\n"));
console.log("imports between layers");
console.log(
  count(
    edges
      .map(({ from, name, to }) => [layerOf(from), to ? layerOf(to) : name])
      .filter(([from, to]) => from !== to)
      .map((ends) => ends.join(" → ")),
  ).join("\n"),
);
console.log(
  `${files.length} files, ${edges.length} imports, ${typeCycles} circles through types, ${faults.length} faults`,
);
for (const fault of faults) console.error(`✗ ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
