// What other people's verifiers say of requests, a JSON object a line as verify_signatures.cc reads them. Prints, a line
// each, an object of oracle -> whether it accepts. Requests reach them as Node.js and the libraries' own receivers would
// hand them over: header names in lower case, repeated ones joined, the body as text.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const packages = process.argv[2] + "/node_modules/"; // of the directory that `tools/deps --node` prints
const require = createRequire(packages);
const { verifyWithFallback } = await import(pathToFileURL(packages + "@octokit/webhooks-methods/dist-node/index.js"));
const bolt = require("@slack/bolt");
const standardwebhooks = require("standardwebhooks");
const svix = require("svix");

const any = (list, accepts) => list.some((each) => { try { return accepts(each); } catch { return false; } });

// The vendors publish an algorithm and no verifier: PagerDuty (developer.pagerduty.com, "Verifying Signatures"),
// Circleback, and X-Signature as Flux and many others send it.
const hmac = (algorithm, secret, body) => createHmac(algorithm, secret).update(body).digest("hex");

function standard(Webhook, { headers, text, secrets }) {
  return any(secrets, (secret) => {
    try {
      new Webhook(secret).verify(text, headers);
    } catch (e) {
      if (!(e instanceof SyntaxError)) throw e; // the signature was right, the body is no JSON
    }
    return true;
  });
}

const oracles = {
  github: {
    octokit: ({ headers, text, secrets }) =>
      verifyWithFallback(secrets[0], text, headers["x-hub-signature-256"], secrets.slice(1)).catch(() => false),
  },
  slack: {
    bolt: ({ headers, text, secrets, now }) => any(secrets, (signingSecret) => bolt.isValidSlackRequest({
      signingSecret,
      body: text,
      headers: {
        "x-slack-signature": headers["x-slack-signature"],
        "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]), // as its receivers do
      },
      nowMilliseconds: now * 1000,
    })),
  },
  standard: {
    standardwebhooks: (request) => standard(standardwebhooks.Webhook, request),
    svix: (request) => standard(svix.Webhook, request),
  },
  pagerduty: {
    documentation: ({ headers, body, secrets }) => any(secrets, (secret) =>
      headers["x-pagerduty-signature"].split(",").map((s) => s.trim()).includes("v1=" + hmac("sha256", secret, body))),
  },
  circleback: {
    documentation: ({ headers, body, secrets }) =>
      any(secrets, (secret) => headers["x-signature"] === hmac("sha256", secret, body)),
  },
  generic: {
    documentation: ({ headers, body, secrets }) => any(secrets, (secret) =>
      ["sha256", "sha512"].some((name) => headers["x-signature"] === name + "=" + hmac(name, secret, body))),
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const headers = {};
  for (const [name, value] of request.headers) {
    const key = name.toLowerCase();
    headers[key] = key in headers ? headers[key] + ", " + value : value;
  }
  const body = Buffer.from(request.body, "base64");
  Date.now = () => request.now * 1000;
  const answers = {};
  for (const [name, accepts] of Object.entries(oracles[request.scheme])) {
    answers[name] = await accepts({ ...request, headers, body, text: body.toString("utf8") });
  }
  console.log(JSON.stringify(answers));
}
