// node-hl7-client as a practice system. Usage: node sender.mjs HOST PORT '["MSH|...", ...]'
// Sends the messages over one connection, each after the answer to the one before; prints MSA-1 of each answer.
import { Client, Message } from "node-hl7-client";

const [host, port, messages] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
const waiting = [];
const client = new Client({ host });
const connection = client.createConnection({ port, waitAck: true }, async (response) => {
  waiting.shift()(response.getMessage().get("MSA.1").toString());
});
connection.on("client.error", (error) => {
  console.error(String(error));
  process.exit(1);
});
for (const text of messages) {
  const answer = new Promise((resolve) => waiting.push(resolve));
  await connection.sendMessage(new Message({ text }));
  console.log(await answer);
}
await connection.close();
process.exit(0);
