// CloudFront's JavaScript runtime: a function's code in a fresh context without the outside (no modules, network, timers, eval), called once with an event.
// In: {code, event, runtime, store?, version?, pairs?, ms}. Out: {output, logs, spent} | {error, logs, spent} | {need: store}.
import vm from "node:vm";
import crypto from "node:crypto";
import querystring from "node:querystring";
import util from "node:util";

const IMPORT = /^[ \t]*import\s+(?:(\w+)|\*\s+as\s+(\w+)|(\{[^}]*\}))\s+from\s+(['"])([\w-]+)\4[ \t]*;?/gm;
const stores = new Map();

function library(name, store) {
  const known = {
    crypto: { createHash: (a) => crypto.createHash(a), createHmac: (a, k) => crypto.createHmac(a, k) },
    querystring: { escape: querystring.escape, parse: querystring.parse, stringify: querystring.stringify, unescape: querystring.unescape, decode: querystring.parse, encode: querystring.stringify },
    buffer: { Buffer },
    cloudfront: { kvs: (id) => kvs(store, id), updateRequestOrigin: () => { throw new Error("updateRequestOrigin is not built in Cloche"); } },
  };
  if (!(name in known)) throw new Error(`Cannot find module '${name}'`);
  return known[name];
}

function kvs(store, id) {
  if (!store || (id !== undefined && id !== store.id && !String(id).endsWith("/" + store.id))) throw new Error("KeyValueStoreNotAssociated");
  const read = (key, format) => {
    if (!store.pairs.has(key)) throw new Error("KeyNotFound");
    const value = store.pairs.get(key);
    return format === "json" ? JSON.parse(value) : format === "bytes" ? Buffer.from(value) : value;
  };
  return {
    get: async (key, options) => read(String(key), options?.format),
    exists: async (key) => store.pairs.has(String(key)),
    meta: async () => ({ creationDateTime: store.created, lastUpdatedDateTime: store.modified, keyCount: store.pairs.size }),
    count: async () => store.pairs.size,
  };
}

export async function handler({ code, event, runtime, store, version, pairs, created, modified, ms }) {
  const logs = [];
  let held;
  if (store) {
    if (pairs) stores.set(store, { id: store, version, pairs: new Map(Object.entries(pairs)), created, modified });
    held = stores.get(store);
    if (!held || held.version !== version) return { need: store };
  }
  const began = process.hrtime.bigint();
  const spent = () => Number(process.hrtime.bigint() - began) / 1e6;
  try {
    const log = (...args) => logs.push(util.format(...args));
    const second = runtime === "cloudfront-js-2.0";
    const room = { console: { log, error: log, warn: log, info: log, debug: log }, require: (name) => library(name, held), Buffer, TextEncoder, TextDecoder, atob, btoa, __event: JSON.stringify(event) };
    if (!second) room.String_bytesFrom = undefined;
    const context = vm.createContext(room, { codeGeneration: { strings: false, wasm: false } });
    const text = second ? code.replace(IMPORT, (_, one, all, some, __, name) => `const ${one ?? all ?? some.replace(/\bas\b/g, ":")} = require("${name}");`) : code;
    vm.runInContext(text, context, { timeout: ms, filename: "function.js" });
    const made = vm.runInContext("handler(JSON.parse(__event))", context, { timeout: ms, filename: "function.js" });
    const result = typeof made?.then === "function" ? await made : made;
    if (result === null || typeof result !== "object") return { error: "The function returned no request and no response.", logs, spent: spent() };
    return { output: result, logs, spent: spent() };
  } catch (error) {
    const said = error?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? "The function took too much compute time." : `${error?.name ?? "Error"}: ${error?.message ?? error}`;
    return { error: said, logs, spent: spent() };
  }
}
