// dcmjs-dimse as a device. Usage: node device.js HOST PORT CALLING CALLED OPERATION [JSON]
// Prints one JSON line a response: {"status": number, "dataset": {...}, "command": {...}}.
// Operations: echo, find {keys}, store [files], create {uid, attributes}, set {uid, attributes}, get {uid}.
const dimse = require("dcmjs-dimse");
const { Client, Dataset, constants, requests } = dimse;
dimse.log.setLevel("silent");

const [host, port, calling, called, operation, json] = process.argv.slice(2);
const fs = require("fs");
const input = json ? JSON.parse(json.startsWith("@") ? fs.readFileSync(json.slice(1), "utf8") : json) : {};
const MPPS = constants.SopClass.ModalityPerformedProcedureStep;

function build() {
  switch (operation) {
    case "echo":
      return [new requests.CEchoRequest()];
    case "find":
      return [requests.CFindRequest.createWorklistFindRequest(input)];
    case "store":
      return input.map((file) => new requests.CStoreRequest(file));
    case "create": {
      const request = new requests.NCreateRequest(MPPS, input.uid);
      request.setDataset(new Dataset(input.attributes));
      return [request];
    }
    case "set": {
      const request = new requests.NSetRequest(MPPS, input.uid);
      request.setDataset(new Dataset(input.attributes));
      return [request];
    }
    case "get":
      return [new requests.NGetRequest("1.2.840.10008.3.1.2.3.4", input.uid)];
    default:
      throw new Error(`unknown operation ${operation}`);
  }
}

const client = new Client();
for (const request of build()) {
  request.on("response", (response) => {
    console.log(
      JSON.stringify({
        status: response.getStatus(),
        dataset: response.hasDataset() ? response.getDataset().getElements() : null,
        comment: response.getErrorComment ? response.getErrorComment() : null,
      })
    );
  });
  client.addRequest(request);
}
client.on("associationRejected", (result) => {
  console.log(JSON.stringify({ rejected: [result.getResult(), result.getSource(), result.getReason()] }));
  process.exitCode = 3;
});
client.on("networkError", (error) => {
  console.error(String(error));
  process.exitCode = 3;
});
client.send(host, Number(port), calling, called);
