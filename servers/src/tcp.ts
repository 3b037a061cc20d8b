import { connect } from "node:net";

/** Whether somebody accepts connections, and, where the server speaks first, says something. */
export async function greets(port: number, speaksFirst: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2_000, () => finish(false));
    socket.on("error", () => finish(false));
    socket.on("end", () => finish(false));
    if (speaksFirst) socket.on("data", () => finish(true));
    else socket.on("connect", () => finish(true));
  });
}
