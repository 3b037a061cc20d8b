import { TollgateError } from "@tollgate/core";

/** Where something stands in a file: both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with a file. */
export interface Problem extends Position {
  /** The value it is about, as `rate_limiting.limits[2].window`; empty for the file itself. */
  readonly path: string;
  /** What was expected, and what is there instead. */
  readonly message: string;
}

/** More would not be read; `problems` has them all. */
const MAX_LISTED = 100;

const lineOf = (file: string, { path, line, column, message }: Problem): string => {
  const place = `${file}:${String(line)}:${String(column)}`;
  return path === "" ? `${place} ${message}` : `${place} ${path}: ${message}`;
};

function listed(file: string, problems: readonly Problem[]): string {
  const lines = problems.slice(0, MAX_LISTED).map((problem) => lineOf(file, problem));
  const rest = problems.length - lines.length;
  return [...lines, ...(rest > 0 ? [`and ${String(rest)} more`] : [])].join("\n");
}

/** A file that cannot be used, with all that is wrong with it: an `INVALID_CONFIG`. */
export class ConfigFileError extends TollgateError {
  readonly problems: readonly Problem[];

  /** @param file how messages call the file */
  constructor(file: string, problems: readonly Problem[], cause?: unknown) {
    super("INVALID_CONFIG", listed(file, problems), {
      path: problems[0]?.path ?? "",
      ...(cause === undefined ? {} : { cause }),
    });
    this.problems = problems;
  }
}

/** Collects what is wrong with a file. */
export class Report {
  // By what they say: what tiers share with the limits of the file is read once for each.
  readonly #problems = new Map<string, Problem>();

  get count(): number {
    return this.#problems.size;
  }

  /** In the order of the file. */
  get problems(): readonly Problem[] {
    return [...this.#problems.values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  add({ line, column }: Position, path: string, message: string): void {
    const problem = { path, line, column, message };
    this.#problems.set(JSON.stringify(problem), problem);
  }

  expected(at: Position, path: string, expected: string, received: string): void {
    this.add(at, path, `expected ${expected}, got ${received}`);
  }
}
