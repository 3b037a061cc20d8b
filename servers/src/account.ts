import { chownSync, readFileSync } from "node:fs";

/** Whom a server runs as; empty is "as we do". */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root, and the others should not: root starts them as `nobody`. */
export function account(): Account {
  if (process.getuid?.() !== 0) return {};
  const nobody = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === "nobody");
  if (nobody === undefined) throw new Error("root needs the user `nobody` to run servers as");
  return { uid: Number(nobody[2]), gid: Number(nobody[3]) };
}

export function giveTo({ uid, gid }: Account, path: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
