// dcmjs-dimse as a device. Usage: node device.js HOST PORT CALLING CALLED OPERATION [JSON]
// Prints one JSON line a response: {"status": number, "dataset": {...}, "comment": ..., "command": {...}}.
// OPERATION "serve" reads lines {"operation": ..., "input": ..., "calling": ...} instead, each an association of its own,
// and answers each with one line: {"responses": [...], "accepted": bool, "rejected": [...] | null, "error": ... | null}.
// Operations: echo; find {keys} (on top of dcmjs-dimse's own keys); query {keys} (these alone); store [files];
// send [files] (also tells the syntax and the SHA-256 of the data set sent); create, set {uid, attributes, class, context};
// get {uid, attributes: [keywords], class}; action, delete {uid, class}.
const dimse = require("dcmjs-dimse");
const crypto = require("crypto");
const fs = require("fs");
const readline = require("readline");
const { Client, Dataset, association, constants, requests } = dimse;
dimse.log.setLevel("silent");

const { ModalityPerformedProcedureStep: MPPS, ModalityWorklistInformationModelFind: WORKLIST } = constants.SopClass;
const MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.4";
const FAILED = 3;

// A request with attributes, whose command may name another SOP class than its presentation context has.
function attributed(request, input) {
  if (input.class) request.setMetaSopClassUid(input.context || MPPS);
  request.setDataset(new Dataset(input.attributes));
  return request;
}

const BUILDERS = {
  echo: () => [new requests.CEchoRequest()],
  find: (input) => [requests.CFindRequest.createWorklistFindRequest(input)],
  query: (input) => {
    const request = new requests.CFindRequest();
    request.setAffectedSopClassUid(WORKLIST);
    request.setDataset(new Dataset(input));
    return [request];
  },
  store: (input) => input.map((file) => new requests.CStoreRequest(file)),
  send: (input) => input.map((file) => new requests.CStoreRequest(Dataset.fromFile(file))),
  create: (input) => [attributed(new requests.NCreateRequest(input.class || MPPS, input.uid), input)],
  set: (input) => [attributed(new requests.NSetRequest(input.class || MPPS, input.uid), input)],
  get: (input) => [new requests.NGetRequest(input.class || MPPS_RETRIEVE, input.uid, input.attributes || [])],
  action: (input) => [new requests.NActionRequest(input.class || MPPS, input.uid, 1)],
  delete: (input) => [new requests.NDeleteRequest(input.class || MPPS, input.uid)],
};

// One presentation context of its own for each class and syntax, so that every file goes out as it is.
function offerEachSyntax(client, made) {
  const offered = new Set();
  for (const request of made) {
    const [abstract, syntax] = [request.getAffectedSopClassUid(), request.getDataset().getTransferSyntaxUid()];
    if (offered.has(abstract + syntax)) continue;
    offered.add(abstract + syntax);
    const context = new association.PresentationContext(0, abstract);
    context.addTransferSyntaxUid(syntax);
    client.addAdditionalPresentationContext(context, true);
  }
}

function shown(operation, request, response) {
  const found = {
    status: response.getStatus(),
    dataset: response.hasDataset() ? response.getDataset().getElements() : null,
    comment: response.getErrorComment ? response.getErrorComment() : null,
    command: response.getCommandDataset().getElements(),
  };
  if (operation !== "send") return found;
  const sent = request.getDataset();
  const digest = crypto.createHash("sha256").update(sent.getDenaturalizedDataset()).digest("hex");
  return { ...found, uid: request.getAffectedSopInstanceUid(), syntax: sent.getTransferSyntaxUid(), sha256: digest };
}

function run(host, port, calling, called, operation, input, onResponse) {
  return new Promise((resolve) => {
    const result = { accepted: false, rejected: null, error: null };
    const client = new Client();
    const made = BUILDERS[operation](input);
    for (const request of made) {
      request.on("response", (response) => onResponse(shown(operation, request, response)));
      client.addRequest(request);
    }
    if (operation === "send") offerEachSyntax(client, made);
    client.on("associationAccepted", () => (result.accepted = true));
    client.on("associationRejected", (why) => {
      result.rejected = [why.getResult(), why.getSource(), why.getReason()];
    });
    client.on("networkError", (error) => {
      result.error = String(error);
      resolve(result);
    });
    client.on("closed", () => resolve(result));
    client.send(host, port, calling, called);
  });
}

async function once([host, port, calling, called, operation, json]) {
  const input = json ? JSON.parse(json.startsWith("@") ? fs.readFileSync(json.slice(1), "utf8") : json) : {};
  if (!BUILDERS[operation]) throw new Error(`unknown operation ${operation}`);
  const print = (value) => console.log(JSON.stringify(value));
  const result = await run(host, Number(port), calling, called, operation, input, print);
  if (result.rejected) print({ rejected: result.rejected });
  if (result.error) console.error(result.error);
  if (result.rejected || result.error) process.exitCode = FAILED;
}

async function serve([host, port, calling, called]) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    const responses = [];
    let result;
    try {
      const caller = asked.calling || calling;
      result = await run(host, Number(port), caller, called, asked.operation, asked.input, (one) => responses.push(one));
    } catch (error) {
      result = { accepted: false, rejected: null, error: String(error) };
    }
    console.log(JSON.stringify({ responses, ...result }));
  }
}

const words = process.argv.slice(2);
(words[4] === "serve" ? serve : once)(words);
