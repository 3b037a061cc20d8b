import { execFile } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

import { afterAll, describe, expect, test } from "@jest/globals";
import { errorCodes } from "@tollgate/core";

const root = join(import.meta.dirname, "..");
const { resolve } = createRequire(join(root, "package.json"));

/** Every file below a folder, as paths from the root. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isFile()) return path;
    return entry.isDirectory() && !["node_modules", "dist"].includes(entry.name)
      ? filesIn(path)
      : [];
  });

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...["docs", "packages", "examples"].flatMap(filesIn).filter((path) => path.endsWith(".md")),
].filter((path) => !path.endsWith("CHANGELOG.md"));

/** Pages whose code is compiled. */
const taught = pages.filter((path) => /^(README\.md|docs\/|packages\/.*README\.md)/.test(path));

const linesOf = (path: string): string[] => readFileSync(join(root, path), "utf8").split("\n");

interface Block {
  /** Where it stands, and the name it is compiled under. */
  readonly place: string;
  readonly file: string;
  readonly source: string;
  readonly runs: boolean;
}

const OPENING = /^```(ts|js)(?: (.*))?$/;

/**
 * The fenced `ts` and `js` blocks of a page, each a module of its own; those marked `run` are also
 * run. What a reader need not see stands in a comment `<!-- setup … -->` right before the fence.
 * Every line keeps its number, so that the compiler's messages point into the page.
 */
function blocksOf(path: string): Block[] {
  const lines = linesOf(path);
  const blocks: Block[] = [];
  let setup = new Set<number>();
  for (let at = 0; at < lines.length; at += 1) {
    const [fence, language = "", flags] = OPENING.exec(lines[at] ?? "") ?? [];
    if (fence === undefined) {
      if (lines[at] === "<!-- setup") {
        const end = lines.indexOf("-->", at);
        setup = new Set(Array.from({ length: end - at - 1 }, (_, n) => at + 1 + n));
        at = end;
      } else if (lines[at] !== "") setup = new Set();
      continue;
    }
    const end = lines.indexOf("```", at);
    const source = lines
      .slice(0, end)
      .map((line, n) => (n > at || setup.has(n) ? line : ""))
      .join("\n");
    const extension = /\brequire\(/.test(source) ? `c${language}` : language;
    const place = `${path}:${String(at + 1)}`;
    const file = `${place.replaceAll(/[/:]/g, "_")}.${extension}`;
    blocks.push({ place, file, source, runs: flags === "run" });
    setup = new Set();
    at = end;
  }
  return blocks;
}

const blocks = taught.flatMap(blocksOf);

/** Runs a program of this repository's tools; the exit code and everything it said. */
const node = async (args: readonly string[], cwd: string) =>
  new Promise<{ code: unknown; output: string }>((done) => {
    execFile(process.execPath, args, { cwd }, (error, stdout, stderr) => {
      done({ code: error?.code ?? (error === null ? 0 : error.signal), output: stdout + stderr });
    });
  });

const compilerOptions = {
  target: "es2023",
  lib: ["es2023"],
  module: "nodenext",
  typeRoots: [join(root, "node_modules/@types")],
  types: ["node"],
  customConditions: ["@tollgate/source"],
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  allowJs: true,
  checkJs: true,
  moduleDetection: "force",
  noEmit: true,
};

/** Writes all blocks to a folder outside the repository, so that no other tool meets them. */
function layOut(): string {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-docs-"));
  // The examples have every package and framework, with their types.
  symlinkSync(join(root, "examples/node_modules"), join(folder, "node_modules"), "junction");
  const config = { compilerOptions, files: blocks.map(({ file }) => file) };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  for (const { file, source } of blocks) writeFileSync(join(folder, file), source);
  return folder;
}

describe("docs: code", () => {
  let folder: string | undefined;
  const laidOut = (): string => (folder ??= layOut());
  afterAll(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  test("every page that teaches is looked at", () => {
    expect(taught).toEqual(
      expect.arrayContaining(["README.md", "docs/guide.md", "packages/core/README.md"]),
    );
    expect(blocks.filter(({ runs }) => runs).length).toBeGreaterThan(10);
  });

  test("every block compiles", async () => {
    const tsc = join(dirname(resolve("typescript/package.json")), "bin/tsc");
    const { output } = await node([tsc, "--pretty", "false"], laidOut());
    expect(output).toBe("");
  });

  test.concurrent.each(blocks.filter(({ runs }) => runs))(
    "$place runs",
    async ({ file }) => {
      const args = [resolve("tsx/cli"), "--conditions=@tollgate/source", file];
      const { code, output } = await node(args, laidOut());
      expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    },
    180_000,
  );
});

/** A page's text without its code. */
const proseOf = (path: string): string =>
  linesOf(path)
    .join("\n")
    .replaceAll(/^```.*?^```$/gms, "")
    .replaceAll(/`[^`]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));

// As the forge derives them from headings.
const anchorsOf = (path: string): string[] =>
  [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );

function isBroken(page: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : relative(root, join(root, dirname(page), path));
  if (!existsSync(join(root, file))) return true;
  return anchor !== undefined && !anchorsOf(file).includes(anchor);
}

describe("docs: words", () => {
  test.each(pages)("every relative link of %s leads somewhere", (page) => {
    const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, target = ""]) => target,
    );
    const relativeOnes = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(relativeOnes.filter((target) => isBroken(page, target))).toEqual([]);
  });

  test("every error code is explained in the guide", () => {
    const guide = linesOf("docs/guide.md").join("\n");
    expect(Object.keys(errorCodes).filter((code) => !guide.includes(`\`${code}\``))).toEqual([]);
  });

  test("every warning code is explained where its message points", () => {
    const sources = filesIn("packages").filter((path) => /^[^.]+\.ts$/.test(path));
    const codes = new Set(
      sources.flatMap(
        (path) =>
          linesOf(path)
            .join("\n")
            .match(/\bTOLLGATE_[A-Z_]+\b/g) ?? [],
      ),
    );
    const pages = ["docs/client-address.md", "docs/guide.md", "docs/llm.md"];
    const explained = pages.flatMap((page) => linesOf(page)).join("\n");
    expect(codes.size).toBeGreaterThan(3);
    expect([...codes].filter((code) => !explained.includes(`\`${code}\``))).toEqual([]);
  });
});
