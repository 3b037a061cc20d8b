import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument as parseYaml,
} from "yaml";

import type { Position, Report } from "./problem.ts";
import { itemPath, type MapEntry, memberPath, type Node } from "./tree.ts";

/** Bounds of one file: a few aliases can stand for billions of values. */
const MAX_ALIASES = 100;
const MAX_NODES = 200_000;
const MAX_DEPTH = 32;

/** Where the parser's words are for who calls it from code. */
const ownWords: ReadonlyMap<string, string> = new Map([
  ["MULTIPLE_DOCS", "a second document begins here"],
  ["RESOURCE_EXHAUSTION", "nested too deep"],
]);

/** Builds our tree from the parser's, with aliases replaced by what they stand for. */
class TreeBuilder {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #report: Report;
  #aliases = 0;
  #nodes = 0;
  /** Whether a bound was reported, after which nothing further is read. */
  full: boolean = false;

  constructor(document: Document, lines: LineCounter, report: Report) {
    this.#document = document;
    this.#lines = lines;
    this.#report = report;
  }

  build(source: unknown, path: string, depth: number, parent: Position): Node {
    const at = positionOf(source, this.#lines) ?? parent;
    const unreadable = { kind: "unknown", at } as const;
    this.#nodes += 1;
    if (this.full) return unreadable;
    if (this.#nodes > MAX_NODES) return this.#refuse(at, "", `at most ${String(MAX_NODES)} values`);
    if (depth > MAX_DEPTH) return this.#refuse(at, "", `at most ${String(MAX_DEPTH)} levels`);
    if (isAlias(source)) {
      this.#aliases += 1;
      if (this.#aliases > MAX_ALIASES) {
        return this.#refuse(at, "", `at most ${String(MAX_ALIASES)} aliases`);
      }
      const target = source.resolve(this.#document);
      if (target !== undefined) return this.build(target, path, depth + 1, at);
      this.#report.add(at, path, `no anchor &${source.source} stands before it`);
      return unreadable;
    }
    if (isSeq(source)) {
      const items = source.items.map((item, index) =>
        this.build(item, itemPath(path, index), depth + 1, at),
      );
      return { kind: "list", at, items };
    }
    if (isMap(source)) {
      const entries = new Map<string, MapEntry>();
      for (const { key, value } of source.items) {
        const entry = this.#entry(key, value, path, depth, at);
        if (entry === undefined) continue;
        const same = entries.get(entry.key);
        if (same === undefined) entries.set(entry.key, entry);
        else {
          const first = `line ${String(same.at.line)}`;
          this.#report.add(entry.at, memberPath(path, entry.key), `already given on ${first}`);
        }
      }
      return { kind: "map", at, entries: [...entries.values()] };
    }
    const value: unknown = isScalar(source) ? source.value : null;
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
      return scalarNode(value, at) ?? unreadable;
    }
    this.#report.add(at, path, "neither text nor a number, a boolean, a list or a map");
    return unreadable;
  }

  #entry(
    key: unknown,
    value: unknown,
    path: string,
    depth: number,
    parent: Position,
  ): MapEntry | undefined {
    const at = positionOf(key, this.#lines) ?? parent;
    const name: unknown = isScalar(key) ? key.value : undefined;
    if (typeof name !== "string" || name === "__proto__") {
      this.#report.add(at, path, "has a key that is no name; a number needs quotes");
      return undefined;
    }
    return { key: name, at, node: this.build(value, memberPath(path, name), depth + 1, at) };
  }

  #refuse(at: Position, path: string, bound: string): Node {
    this.full = true;
    this.#report.expected(at, path, bound, "more");
    return { kind: "unknown", at };
  }
}

function scalarNode(value: unknown, at: Position): Node | undefined {
  const isText = typeof value === "string" || typeof value === "number";
  if (!isText && typeof value !== "boolean" && value !== null) return undefined;
  return { kind: "scalar", at, value, text: value };
}

function positionOf(source: unknown, lines: LineCounter): Position | undefined {
  const hasRange = isScalar(source) || isMap(source) || isSeq(source) || isAlias(source);
  if (!hasRange || source.range === undefined || source.range === null) return undefined;
  return placeIn(lines, source.range[0]);
}

function placeIn(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  // The parser says line 0 of a text without any.
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/**
 * Reads one YAML document, or JSON, which is YAML as well. `undefined` when its syntax is broken:
 * what it means is then a guess.
 */
export function readDocument(text: string, report: Report): Node | undefined {
  const counter = new LineCounter();
  const document = parseYaml(text, {
    version: "1.2",
    schema: "core",
    // Reported by us, with both lines.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: counter,
  });
  const lines = new Set<number>();
  const errors = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0]);
  for (const { code, message, pos } of errors) {
    const at = placeIn(counter, pos[0]);
    // Further ones on a line are mostly echoes of the first.
    if (lines.has(at.line)) continue;
    lines.add(at.line);
    report.add(at, "", ownWords.get(code) ?? message);
  }
  if (report.count > 0) return undefined;
  const builder = new TreeBuilder(document, counter, report);
  const root = builder.build(document.contents, "", 0, { line: 1, column: 1 });
  return builder.full ? undefined : root;
}
