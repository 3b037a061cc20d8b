import type { Report } from "./problem.ts";
import { itemPath, memberPath, type Node, type Scalar, type ScalarNode } from "./tree.ts";

/** Values by variable name. */
export type Environment = Readonly<Record<string, string | undefined>>;

// In this order: an escape, a variable, and what looks like one but is not.
const PATTERN = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;
const ONE_VARIABLE = /^\$\{[^}]*\}$/;
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;

/** What a text would be in YAML. An empty one stays a text: a variable set to nothing is no `null`. */
function typed(text: string): Scalar {
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  return NUMBER.test(text) ? Number(text) : text;
}

function interpolateScalar(node: ScalarNode, path: string, env: Environment, report: Report): Node {
  const { value: template, at } = node;
  if (typeof template !== "string" || !template.includes("$")) return node;
  const before = report.count;
  let variables = 0;
  const text = template.replaceAll(
    PATTERN,
    (match: string, name: string | undefined, fallback: string | undefined) => {
      if (match === "$$") return "$";
      variables += 1;
      if (name === undefined) {
        report.expected(at, path, "${NAME} or ${NAME:-default}, or $$ for a $", match.slice(0, 60));
        return "";
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      // As in a shell, `:-` also stands in for what is set to nothing.
      if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
      if (value === undefined) {
        report.add(at, path, `the environment has no ${name}, and there is no default`);
      }
      return value ?? "";
    },
  );
  if (report.count > before) return { kind: "unknown", at };
  if (variables === 0) return { ...node, value: text, text };
  const value = ONE_VARIABLE.test(template) ? typed(text) : text;
  return { kind: "scalar", at, value, text, template };
}

/**
 * Puts the values of variables in place of `${NAME}` and `${NAME:-default}`, in scalars only: keys
 * and structure stay what the file says. A scalar that is one variable and nothing else becomes the
 * number or boolean that it holds.
 */
export function interpolate(node: Node, path: string, env: Environment, report: Report): Node {
  switch (node.kind) {
    case "scalar":
      return interpolateScalar(node, path, env, report);
    case "list": {
      const items = node.items.map((item, index) =>
        interpolate(item, itemPath(path, index), env, report),
      );
      return { ...node, items };
    }
    case "map": {
      const entries = node.entries.map((entry) => ({
        ...entry,
        node: interpolate(entry.node, memberPath(path, entry.key), env, report),
      }));
      return { ...node, entries };
    }
    case "unknown":
      return node;
  }
}
