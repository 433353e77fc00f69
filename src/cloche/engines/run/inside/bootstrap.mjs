// The Node runtime: loads the handler, speaks the Runtime API, writes the console as AWS's runtime does.
// A console record of several lines is one event: its inner line ends carry a NUL (see loglines.py).
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import util from "node:util";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const STREAM = Symbol.for("aws.lambda.runtime.handler.streaming");
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const least = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL ?? "TRACE");
let current;

function record(level, args) {
  if (json && LEVELS.indexOf(level) < least) return;
  const time = new Date().toISOString();
  let text;
  if (json) {
    const error = args.find((a) => a instanceof Error);
    const line = { timestamp: time, level, requestId: current, message: args.length === 1 && !error ? args[0] : util.format(...args) };
    if (error) Object.assign(line, { errorType: error.name, errorMessage: error.message, stackTrace: (error.stack ?? "").split("\n") });
    text = JSON.stringify(line);
  } else text = `${time}\t${current}\t${level}\t${util.format(...args)}`;
  fs.writeSync(1, text.replace(/\n/g, "\0\n") + "\n");
}
for (const [name, level] of Object.entries({ log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", debug: "DEBUG", trace: "TRACE" })) {
  console[name] = (...args) => record(level, args);
}

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAM]: true }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function call(method, where, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path: "/2018-06-01/runtime" + where, agent, headers }, (response) => {
      const parts = [];
      response.on("data", (d) => parts.push(d));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function shape(error) {
  if (error instanceof Error) return { errorType: error.name ?? "Error", errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

const told = (error) => JSON.stringify({ ...shape(error), stack: shape(error).trace, trace: undefined });
const kindHeader = (report) => ({ "Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": report.errorType });

class Fault extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

async function load(spec) {
  const root = process.env.LAMBDA_TASK_ROOT;
  const [, directory, base] = spec.match(/^(.*\/)?([^/]*)$/);
  const found = base.match(/^([^.]*)\.(.*)$/);
  if (!found) throw new Fault("Runtime.MalformedHandlerName", "Bad handler");
  const stem = path.resolve(root, directory ?? "", found[1]);
  const file = [stem, ...["js", "mjs", "cjs"].map((x) => `${stem}.${x}`)].find((f) => fs.existsSync(f) && fs.statSync(f).isFile());
  let module;
  try {
    if (!file) throw Object.assign(new Error(`Cannot find module '${found[1]}'\nRequire stack:\n- /var/runtime/index.mjs`), { code: "MODULE_NOT_FOUND" });
    if (file.endsWith(".mjs") || isModule(file)) module = await import(pathToFileURL(file));
    else module = createRequire(path.join(root, "index.js"))(file);
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND") throw new Fault("Runtime.ImportModuleError", "Error: " + error.message);
    if (error instanceof SyntaxError) throw new Fault("Runtime.UserCodeSyntaxError", "SyntaxError: " + error.message);
    throw error;
  }
  let handler = module;
  for (const name of found[2].split(".")) handler = handler?.[name] ?? handler?.default?.[name];
  if (!handler) throw new Fault("Runtime.HandlerNotFound", `${spec} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("Runtime.HandlerNotFound", `${spec} is not a function`);
  return handler;
}

function isModule(file) {
  if (file.endsWith(".cjs")) return false;
  for (let at = path.dirname(file); at.startsWith(process.env.LAMBDA_TASK_ROOT); at = path.dirname(at)) {
    const about = path.join(at, "package.json");
    if (fs.existsSync(about)) return JSON.parse(fs.readFileSync(about)).type === "module";
  }
  return false;
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, result) => (error ? reject(error) : resolve(result));
    context.done = done;
    context.succeed = resolve;
    context.fail = reject;
    const result = handler(event, context, done);
    if (typeof result?.then === "function") result.then(resolve, reject);
    else if (handler.length < 3) resolve(result);
  });
}

function streamed(handler, event, context, id) {
  return new Promise((resolve, reject) => {
    const headers = { "Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "application/octet-stream", Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body" };
    const request = http.request({ host, port, method: "POST", path: `/2018-06-01/runtime/invocation/${id}/response`, agent, headers }, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    request.on("error", reject);
    request.setContentType = (type) => request.setHeader("Content-Type", type);
    Promise.resolve(handler(event, request, context)).then(
      () => request.writableEnded || request.end(),
      (error) => {
        const report = shape(error);
        console.error("Invoke Error ", told(error));
        if (!request.headersSent) {
          request.destroy();
          return call("POST", `/invocation/${id}/error`, kindHeader(report), JSON.stringify(report)).then(resolve, reject);
        }
        request.addTrailers({ "Lambda-Runtime-Function-Error-Type": report.errorType, "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(report)).toString("base64") });
        request.end();
      },
    );
  });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: headers["lambda-runtime-client-context"] ? JSON.parse(headers["lambda-runtime-client-context"]) : undefined,
    identity: headers["lambda-runtime-cognito-identity"] ? JSON.parse(headers["lambda-runtime-cognito-identity"]) : undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

process.on("unhandledRejection", (reason) => {
  console.error("Unhandled Promise Rejection", told(new Fault("Runtime.UnhandledPromiseRejection", String(reason))));
  process.exit(128);
});
process.on("uncaughtException", (error) => {
  console.error("Uncaught Exception", told(error));
  process.exit(129);
});

let handler;
try {
  handler = await load(process.env._HANDLER);
} catch (error) {
  const report = shape(error);
  console.error("Uncaught Exception ", told(error));
  await call("POST", "/init/error", kindHeader(report), JSON.stringify(report));
  process.exit(1);
}
while (true) {
  const next = await call("GET", "/invocation/next");
  const id = (current = next.headers["lambda-runtime-aws-request-id"]);
  process.env._X_AMZN_TRACE_ID = next.headers["lambda-runtime-trace-id"] ?? "";
  const context = contextOf(next.headers);
  try {
    const event = JSON.parse(next.body);
    if (handler[STREAM]) await streamed(handler, event, context, id);
    else {
      const result = (await run(handler, event, context)) ?? null;
      await call("POST", `/invocation/${id}/response`, { "Content-Type": "application/json" }, JSON.stringify(result) ?? "null");
    }
  } catch (error) {
    const report = shape(error);
    console.error("Invoke Error ", told(error));
    await call("POST", `/invocation/${id}/error`, kindHeader(report), JSON.stringify(report));
  }
}
