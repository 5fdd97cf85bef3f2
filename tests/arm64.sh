#!/usr/bin/env bash
# Runs the tests as ARM64 machine code under QEMU's user emulation, with dot products and without: formats, row store, kernels, and the short tests of models.
# Takes an hour and more; a part at a time with its name. Needs a Release build of the tests, qemu-user-static, libc6-arm64-cross, libstdc++6-arm64-cross
# and, for the models, libssl.so.3 and libcrypto.so.3 of libssl3:arm64 in the same folder.
#
#   tests/arm64.sh                all parts on both processors
#   tests/arm64.sh quant store    these
#   CPUS="cortex-a53" tests/arm64.sh kernels-panels
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
sysroot=${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}
if ! command -v qemu-aarch64-static >/dev/null || [ ! -e "$sysroot/lib/ld-linux-aarch64.so.1" ]; then
    echo "there is no qemu-aarch64-static (qemu-user-static), or no ARM64 libc at $sysroot (libc6-arm64-cross, libstdc++6-arm64-cross)"
    exit 77
fi
# Within the repository, whose files tests look for above them.
mkdir -p artifacts
work=$(mktemp -d artifacts/arm64.XXXXXX)
trap 'rm -rf "$work"' EXIT
dotnet publish tests/Arm64 -c Release -r linux-arm64 --self-contained -o "$work/run" >"$work/log" 2>&1 || { tail -40 "$work/log"; exit 1; }
failed=0

# part NAME PROJECT ASSEMBLY TEST…: a line with passed, failed and skipped tests and seconds, for each processor.
part() {
    local name=$1 folder=tests/$2/bin/Release/net10.0 assembly=$3 cpu last
    shift 3
    [ ${#parts[@]} -eq 0 ] || [[ " ${parts[*]} " == *" $name "* ]] || return 0
    [ -f "$folder/$assembly" ] || { echo "there is no $folder/$assembly: build the tests"; failed=1; return 1; }
    cp -n "$folder"/*.dll "$folder"/*.txt "$work/run/" 2>/dev/null
    for cpu in ${CPUS:-max,sve=off cortex-a53}; do
        QEMU_LD_PREFIX=$sysroot timeout "${PATIENCE:-3600}" qemu-aarch64-static -cpu "$cpu" -E DOTNET_EnableWriteXorExecute=0 -E DOTNET_TieredCompilation=1 \
            "$work/run/runtests" "$assembly" "$@" >"$work/out" 2>&1 || { failed=1; tail -60 "$work/out"; }
        last=$(tail -1 "$work/out")
        printf '%-20s %-14s %s\n' "$name" "$cpu" "$last"
    done
}

parts=("$@")
echo "part                 processor      passed failed skipped seconds"
part quant Quant.Tests MeKi.Quant.Tests.dll
part store MeKiStore.Tests MeKi.Store.Tests.dll
# QEMU answers every madvise with success.
part kernels-words Kernels.Tests MeKi.Kernels.Tests.dll .Vectors. .Arm. .Allocation. .Kv. -Advice_is_taken_on_any_memory
part kernels-pool Kernels.Tests MeKi.Kernels.Tests.dll ComputePool ProcessorTopology KernelSelection SizeTests Rope Elementwise FixedArithmetic
part kernels-fuse Kernels.Tests MeKi.Kernels.Tests.dll .Fusing.
part kernels-attention Kernels.Tests MeKi.Kernels.Tests.dll .Attending.
part kernels-panels Kernels.Tests MeKi.Kernels.Tests.dll .Panels. PanelMatrix QuantizedActivations MatMul ProductError
part model Model.Tests MeKi.Model.Tests.dll .Reference. .Inference.Session .Inference.Window .Inference.Head .Tokenization. .Gguf.
exit $failed
