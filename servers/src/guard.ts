import { spawn } from "node:child_process";

/** Ends a server and removes its folder when this process dies without having done so. */
export interface Guard {
  /** Which process it is now; 0 is none. */
  readonly watch: (pid: number) => void;
  /** There is nothing left to guard. */
  readonly dismiss: () => void;
}

// A second removal, because PostgreSQL's backends notice a moment later that their parent is gone.
const script = `
while read -r line; do
  [ "$line" = dismiss ] && exit
  pid=$line
done
[ "\${pid:-0}" != 0 ] && kill -CONT "$pid" && kill -"$2" "$pid"
rm -rf "$1"
sleep 1
[ "\${pid:-0}" != 0 ] && kill -KILL "$pid"
rm -rf "$1"
`;

/**
 * A shell that reads from us until we are gone. A handler of `exit` would not do: it does not run when we are killed,
 * and a test's `process` under Jest is a copy that never exits.
 */
export function guard(folder: string, signal: NodeJS.Signals): Guard {
  const shell = spawn("/bin/sh", ["-c", script, "guard", folder, signal.replace("SIG", "")], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    // In a group of its own, so that Ctrl-C leaves it to do its work.
    detached: true,
  });
  shell.unref();
  // A pipe of a child is a socket, which its type does not say.
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();
  // Whoever ended the shell ended the guarding.
  shell.stdin.on("error", () => {});
  return {
    watch: (pid) => void shell.stdin.write(`${pid}\n`),
    dismiss: () => void shell.stdin.end("dismiss\n"),
  };
}
