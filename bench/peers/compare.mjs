#!/usr/bin/env node
// Runs meki bench and other engines on the same GGUF file in alternation and prints a markdown table of ratios: the median over the rounds of ours / theirs,
// both taken from the same round.
//
//   node bench/peers/compare.mjs --model FILE.gguf [--prompt 512] [--generate 64] [--threads 2] [--rounds 5]
//        [--modules FOLDER]                        where node-llama-cpp is or will be installed, outside the repository; else in the system's temporary folder
//        [--llama-bench NAME=PATH[,ARG,ARG…]] …    a further peer: any llama-bench, with its own arguments (e.g. ik=/opt/ik/llama-bench,-rtr,1,-fa,1)
//        [--meki NAME=VARIABLE=VALUE,…] …          our engine once more with environment variables set (e.g. avx2=DOTNET_EnableAVX512=0)
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {fileURLToPath} from "node:url";
import os from "node:os";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const repository = path.resolve(here, "..", "..");
const options = {prompt: "512", generate: "64", threads: String(os.cpus().length), rounds: "5",
    modules: path.join(os.tmpdir(), "meki-peers"), "llama-bench": [], meki: []};

function usage(problem) {
    console.error(`compare: ${problem}; usage: compare.mjs --model FILE.gguf [--prompt N] [--generate N] [--threads N] [--rounds N] [--modules FOLDER]`
        + " [--llama-bench NAME=PATH] [--meki NAME=VARIABLE=VALUE]");
    process.exit(2);
}

for (let i = 2; i < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, "");
    const value = process.argv[i + 1];
    if (!(name in options) && name !== "model" || value === undefined)
        usage(`'${process.argv[i]}' is not an option with a value`);
    if (Array.isArray(options[name])) options[name].push(value);
    else options[name] = value;
}
if (!options.model || !existsSync(options.model))
    usage(options.model ? `${options.model} does not exist` : "--model is missing");

const run = (command, args, environment = {}) =>
    execFileSync(command, args, {encoding: "utf8", env: {...process.env, ...environment}, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26});

function installPeer() {
    if (existsSync(path.join(options.modules, "node_modules", "node-llama-cpp")))
        return;
    mkdirSync(options.modules, {recursive: true});
    writeFileSync(path.join(options.modules, "package.json"), "{\"private\": true}\n");
    console.error(`installing node-llama-cpp in ${options.modules}`);
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "node-llama-cpp"],
        {cwd: options.modules, stdio: ["ignore", "ignore", "inherit"], env: {...process.env, NODE_LLAMA_CPP_SKIP_DOWNLOAD: "true"}});
}

function meki(environment) {
    const program = path.join(repository, "tools", "meki", "bin", "Release", "net10.0", "meki.dll");
    const rows = JSON.parse(run("dotnet", [program, "bench", "-m", options.model, "-p", options.prompt, "-n", options.generate, "-t", options.threads,
        "-r", "1", "-o", "json"], environment));
    const speed = (key) => rows.find((row) => row[key] > 0)?.tokens_per_second ?? null;
    return {prefill: speed("prompt_tokens"), decode: speed("generated_tokens")};
}

const llamaCpp = () => {
    const lines = run("node", [path.join(here, "llama-cpp.mjs"), options.modules, options.model, options.prompt, options.generate, options.threads]);
    return JSON.parse(lines.trim().split("\n").at(-1));
};

function llamaBench(binary, extra) {
    const rows = JSON.parse(
        run(binary, ["-m", options.model, "-p", options.prompt, "-n", options.generate, "-t", options.threads, "-r", "1", "-o", "json", ...extra]));
    const speed = (key) => rows.find((row) => row[key] > 0)?.avg_ts ?? null;
    return {prefill: speed("n_prompt"), decode: speed("n_gen")};
}

const median = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted.length % 2 ? sorted[sorted.length >> 1] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
};

function machine() {
    const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
    const flags = new Set(cpu.match(/^(?:flags|Features)\s*:\s*(.*)$/m)?.[1].split(" ") ?? []);
    const sets = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "asimd", "asimddp", "i8mm"].filter((flag) => flags.has(flag));
    return `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} processors (${sets.join(", ")}), ${Math.round(os.totalmem() / 2 ** 30)} GiB, `
        + `${os.type()} ${os.release()}`;
}

execFileSync("dotnet", ["build", "-c", "Release", path.join(repository, "tools", "meki")], {stdio: ["ignore", "ignore", "inherit"]});
installPeer();
let peerName = "llama.cpp";
const engines = [
    {name: "meki", measure: () => meki({})},
    ...options.meki.map((text) => {
        const [name, ...rest] = text.split("=");
        const environment = Object.fromEntries(rest.join("=").split(",").map((pair) => pair.split("=")));
        return {name: `meki ${name}`, measure: () => meki(environment)};
    }),
    {get name() { return peerName; }, measure: () => { const result = llamaCpp(); peerName = result.engine; return result; }},
    ...options["llama-bench"].map((text) => {
        const [name, rest] = [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)];
        const [binary, ...extra] = rest.split(",");
        return {name, measure: () => llamaBench(binary, extra)};
    }),
];

const rounds = [];
for (let round = 0; round < Number(options.rounds); round++) {
    console.error(`round ${round + 1} of ${options.rounds}`);
    // The order turns, so that no engine always runs on a machine warmed by the same neighbour.
    const order = engines.map((_, i) => (i + round) % engines.length);
    const results = [];
    for (const i of order)
        results[i] = engines[i].measure();
    rounds.push(results);
}

const cell = (values, digits) => values.some((value) => value == null) ? "–"
    : `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
console.log(`${path.basename(options.model)}, ${options.threads} threads, ${options.rounds} alternating rounds, median (least–most). ${machine()}. `
    + `${new Date().toISOString().slice(0, 10)}.\n`);
console.log(`| engine | pp${options.prompt} tokens/s | tg${options.generate} tokens/s | meki / it, prefill | meki / it, decode |`);
console.log("| --- | ---: | ---: | ---: | ---: |");
engines.forEach((engine, i) => {
    const of = (key) => rounds.map((round) => round[i][key]);
    const ratio = (key) => rounds.map((round) => round[i][key] == null ? null : round[0][key] / round[i][key]);
    console.log(`| ${engine.name} | ${cell(of("prefill"), 1)} | ${cell(of("decode"), 1)} `
        + `| ${i === 0 ? "" : cell(ratio("prefill"), 2)} | ${i === 0 ? "" : cell(ratio("decode"), 2)} |`);
});
