import { connect } from "node:net";

/**
 * Sends one inline command to a Redis server and returns the start of what it answers, as it came; nothing when it
 * does not answer.
 */
export async function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let answer = "";
    const finish = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(2_000, finish);
    socket.on("error", finish);
    socket.on("close", finish);
    socket.on("data", (chunk) => (answer += chunk));
    // Redis answers both in order and then closes.
    socket.write(`${command}\r\nQUIT\r\n`);
  });
}
