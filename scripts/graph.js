// The import graph of the packages' sources, read from their syntax: types count as well.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

import { parseSync } from "@swc/core";

/** Every package folder below `packages/`, at any depth. */
function packageFolders(root, folder = "packages") {
  if (existsSync(join(root, folder, "package.json"))) return [folder];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "node_modules")
    .flatMap((entry) => packageFolders(root, join(folder, entry.name)));
}

const isSource = (file) => file.endsWith(".ts") && !/\.test[^/]*\.ts$/.test(file);

const sourceFiles = (root, folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name.replaceAll("\\", "/")))
    .filter(isSource)
    .toSorted();

// A name that is put together at run time could be anything, so it is held against every rule.
const nameIn = (expression) =>
  expression?.type === "StringLiteral" ? expression.value : "(computed)";

/** What this very syntax node imports, if it imports at all. */
function importOf(node) {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      return node.source ? { name: node.source.value, typeOnly: node.typeOnly } : undefined;
    case "TsImportType":
      return { name: node.argument.value, typeOnly: true };
    case "TsExternalModuleReference":
      return { name: nameIn(node.expression), typeOnly: false };
    case "CallExpression":
      return node.callee.type === "Import" || node.callee.value === "require"
        ? { name: nameIn(node.arguments[0]?.expression), typeOnly: false }
        : undefined;
    default:
      return undefined;
  }
}

function importsIn(node) {
  if (typeof node !== "object" || node === null) return [];
  const found = importOf(node);
  return [...(found ? [found] : []), ...Object.values(node).flatMap(importsIn)];
}

/**
 * The packages, their source files, and one edge for each import in them:
 * `{ from, name, to, typeOnly }`, where `to` is the file that a relative name means.
 */
export function readGraph(root) {
  const packages = packageFolders(root);
  const files = packages.flatMap((folder) => sourceFiles(root, join(folder, "src")));
  const edges = files.flatMap((from) => {
    const { body } = parseSync(readFileSync(join(root, from), "utf8"), { syntax: "typescript" });
    return importsIn(body).map(({ name, typeOnly }) => ({
      from,
      name,
      to: name.startsWith(".") ? join(dirname(from), name) : undefined,
      typeOnly,
    }));
  });
  return { packages, files, edges };
}

/** Cycles among the edges that lead to a file, each as its files in order; at least one if any exist. */
export function findCycles(files, edges) {
  const done = new Set();
  const cycles = [];
  const visit = (file, path) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file]);
    if (path.includes(file) || done.has(file)) return;
    for (const { from, to } of edges) {
      if (from === file && to !== undefined) visit(to, [...path, file]);
    }
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return cycles;
}
