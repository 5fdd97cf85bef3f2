// One measurement of llama.cpp through node-llama-cpp: prefill of P random tokens and decode of N, after a warm-up of each. Prints one JSON line.
// usage: node llama-cpp.mjs NODE_MODULES MODEL P N THREADS
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import path from "node:path";

const [modules, modelPath, prompt, generated, threads] = process.argv.slice(2);
const entry = createRequire(path.join(path.resolve(modules), "x.js")).resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry).href);
const [p, n, t] = [prompt, generated, threads].map(Number);

const llama = await getLlama({gpu: false, build: "never", skipDownload: true, logLevel: LlamaLogLevel.error, maxThreads: t});
const model = await llama.loadModel({modelPath, gpuLayers: 0, useMmap: true});
const context = await model.createContext({contextSize: p + n + 64, batchSize: 512, threads: t, flashAttention: true});
const sequence = context.getSequence();
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
let state = 20260203;
const random = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state % (vocabulary - 300); };
const tokens = (count) => Array.from({length: count}, random);
const greedy = {temperature: 0, topK: 1, topP: 1, repeatPenalty: false};

async function prefill(count) {
    await sequence.clearHistory();
    const input = tokens(count);
    const start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(input);
    return count / (performance.now() - start) * 1000;
}

async function decode(count) {
    await sequence.clearHistory();
    let made = 0, start = 0;
    // The first token is the prompt's; the clock starts with the second.
    for await (const _ of sequence.evaluate(tokens(1), {...greedy, yieldEogToken: true})) {
        if (made === 0) start = performance.now();
        if (made++ === count) break;
    }
    return (made - 1) / (performance.now() - start) * 1000;
}

await prefill(Math.min(p, 32));
await decode(4);
const result = {engine: `llama.cpp ${llama.llamaCppRelease.release}`, prefill: p > 0 ? await prefill(p) : null, decode: n > 0 ? await decode(n) : null};
console.log(JSON.stringify(result));
process.exit(0);
