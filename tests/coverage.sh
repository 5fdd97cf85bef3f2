#!/usr/bin/env bash
# Readers under AFL++, which chooses inputs by the branches that they reach (SharpFuzz instruments the libraries). By hand: it takes as long as it is given.
# Needs a Release build of tests/Fuzz, afl-fuzz (afl++) and sharpfuzz (dotnet tool install -g SharpFuzz.CommandLine --version 2.3.0).
#
#   tests/coverage.sh SECONDS [READER]…    for each reader: gguf, rows and template by default. Ends with 1 where an input crashed or hung.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
command -v afl-fuzz >/dev/null && command -v sharpfuzz >/dev/null || { echo "there is no afl-fuzz (afl++), or no sharpfuzz (SharpFuzz.CommandLine)"; exit 77; }
mkdir -p artifacts
work=$(mktemp -d artifacts/coverage.XXXXXX)
cp -r tests/Fuzz/bin/Release/net10.0 "$work/bin"
for part in Quant Kernels Store Model; do sharpfuzz "$work/bin/MeKi.$part.dll"; done
export AFL_SKIP_BIN_CHECK=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_FORKSRV_INIT_TMOUT=60000
failed=0
[ $# -gt 0 ] || set -- gguf rows template
for reader in "$@"; do
    tests/Fuzz/bin/Release/net10.0/meki-fuzz --reader "$reader" --seeds "$work/$reader.seeds"
    afl-fuzz -V "$seconds" -t 5000 -m none \
        -i "$work/$reader.seeds" -o "$work/$reader" -- "$work/bin/meki-fuzz" --reader "$reader" --coverage >"$work/$reader.log" 2>&1 ||
        { tail -20 "$work/$reader.log"; failed=1; }
    stats=$work/$reader/default/fuzzer_stats
    echo "$reader $(sed -nE 's/^(execs_done|edges_found|corpus_count|saved_crashes|saved_hangs) *: */\1 /p' "$stats" | tr '\n' ' ')"
    grep -qE '^saved_(crashes|hangs) *: 0' "$stats" && ! grep -qE '^saved_(crashes|hangs) *: [1-9]' "$stats" || failed=1
done
[ $failed -eq 1 ] && echo "inputs are in $work" || rm -rf "$work"
exit $failed
