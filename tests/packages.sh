#!/usr/bin/env bash
# Packs MeKi, and runs README's program from the packages as a user would: in a project outside the repository, framework-dependent, trimmed and Native AOT for
# this machine; for ARM64 under emulation where qemu-aarch64-static and an ARM64 libc are there, and Native AOT where a cross compiler is, too. All must print the
# same text.
#
#   tests/packages.sh [FOLDER]    FOLDER receives the packages; a temporary one without it
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
feed=$(realpath -m "${1:-$work/feed}")
version=$(sed -nE 's|.*<Version>(.*)</Version>.*|\1|p' Directory.Build.props)
model=$PWD/models/tiny-meki
sysroot=${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}

quietly() { "$@" >"$work/log" 2>&1 || { tail -40 "$work/log"; exit 1; }; }

for project in src/Model src/Extensions.AI tools/meki; do
    quietly dotnet pack -c Release "$project" -o "$feed"
done
for package in MeKi MeKi.Extensions.AI MeKi.Tool; do
    [ -f "$feed/$package.$version.nupkg" ] || { echo "there is no package $package $version"; exit 1; }
done

mkdir "$work/app"
cat >"$work/app/nuget.config" <<XML
<configuration>
  <config><add key="globalPackagesFolder" value="$work/packages" /></config>
  <packageSources><add key="packed" value="$feed" /></packageSources>
</configuration>
XML
cat >"$work/app/app.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
    <InvariantGlobalization>true</InvariantGlobalization>
  </PropertyGroup>
  <ItemGroup><PackageReference Include="MeKi" Version="$version" /></ItemGroup>
</Project>
XML
# README's program, with the model where it lies.
awk '/^```csharp$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md | sed "s|models/tiny-meki|$model|" >"$work/app/Program.cs"

text=""
same() { # same NAME COMMAND…: the program prints the text that the first one printed
    local name=$1 printed began=$SECONDS
    shift
    printed=$("$@") || { echo "FAIL  $name: exit code $?"; exit 1; }
    [ -n "$text" ] || text=$printed
    [ -n "$printed" ] && [ "$printed" = "$text" ] || { printf 'FAIL  %s\n%s\n' "$name" "$printed"; exit 1; }
    echo "ok    $name ($((SECONDS - began)) s)"
}

publish() { # publish FOLDER SETTING…
    local out=$work/$1
    shift
    quietly dotnet publish "$work/app" -c Release -o "$out" "$@"
    rm -rf "$work/app/bin" "$work/app/obj"
}

publish jit
same "from the package" dotnet "$work/jit/app.dll"
publish trimmed -r linux-x64 --self-contained -p:PublishTrimmed=true
same "trimmed" "$work/trimmed/app"
publish aot -r linux-x64 -p:PublishAot=true
same "Native AOT" "$work/aot/app"
if command -v qemu-aarch64-static >/dev/null && [ -e "$sysroot/lib/ld-linux-aarch64.so.1" ]; then
    export QEMU_LD_PREFIX=$sysroot
    publish arm -r linux-arm64 --self-contained
    same "ARM64 with dot products, emulated" qemu-aarch64-static -cpu max,sve=off -E DOTNET_EnableWriteXorExecute=0 "$work/arm/app"
    same "ARM64 without dot products, emulated" qemu-aarch64-static -cpu cortex-a53 -E DOTNET_EnableWriteXorExecute=0 "$work/arm/app"
    if command -v aarch64-linux-gnu-gcc >/dev/null; then
        publish armaot -r linux-arm64 -p:PublishAot=true -p:CppCompilerAndLinker=aarch64-linux-gnu-gcc -p:LinkerFlavor=bfd \
            -p:SysRoot="" -p:ObjCopyName=aarch64-linux-gnu-objcopy
        same "ARM64 Native AOT, emulated" qemu-aarch64-static -cpu max,sve=off "$work/armaot/app"
    else
        echo "skip  ARM64 Native AOT: there is no aarch64-linux-gnu-gcc"
    fi
else
    echo "skip  ARM64: there is no qemu-aarch64-static, or no ARM64 libc at $sysroot"
fi
