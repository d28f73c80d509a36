// MoveNet Thunder, a graph of tfjs, as a filter: pictures of 256x256 RGB bytes in, 17 points (y, x, score; float32) out.
// node movenet.mjs MODULES MODEL.json: MODULES is the folder that has node_modules with @tensorflow/tfjs in it and, for
// speed, @tensorflow/tfjs-backend-wasm. Says "ready" on standard error.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const [modules, model] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, "package.json"));
const SIDE = 256;
const BYTES = SIDE * SIDE * 3;

console.log = console.info = console.warn = (...said) => console.error(...said); // standard output is for answers
const tf = require("@tensorflow/tfjs");
try {
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + "/");
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
} catch {
  await tf.setBackend("cpu");
}
await tf.ready();

const graph = JSON.parse(fs.readFileSync(model, "utf8"));
const [group] = graph.weightsManifest;
const held = Buffer.concat(group.paths.map((name) => fs.readFileSync(path.join(path.dirname(model), name))));
const weightData = held.buffer.slice(held.byteOffset, held.byteOffset + held.byteLength);
const { modelTopology, format, signature } = graph;
const network = await tf.loadGraphModel({
  load: async () => ({ modelTopology, format, signature, weightSpecs: group.weights, weightData }),
});
console.error("ready");

let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= BYTES) {
    const picture = Int32Array.from(pending.subarray(0, BYTES));
    pending = pending.subarray(BYTES);
    const points = tf.tidy(() => network.execute(tf.tensor(picture, [1, SIDE, SIDE, 3], "int32")).dataSync());
    process.stdout.write(Buffer.from(points.buffer, points.byteOffset, points.byteLength));
  }
}
