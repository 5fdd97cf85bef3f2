#!/usr/bin/env bash
# Packs MeKi and uses the packages as a user would, in a project outside the repository: README's program framework-dependent, trimmed and Native AOT for this
# machine, all with the same text and at full speed from the first token; the tool, installed; for ARM64, under emulation, with and without dot products,
# just-in-time compiled and Native AOT. What the machine lacks a tool for is skipped with a line that says so.
#
#   tests/packages.sh             everything
#   tests/packages.sh here        for this machine
#   tests/packages.sh arm64       for ARM64, under emulation
# MEKI_FEED is the folder that receives the packages, a temporary one without it. MEKI_PACK_OPTIONS goes to `dotnet pack`: --no-build after a build.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 DOTNET_gcServer=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
feed=$(realpath -m "${MEKI_FEED:-$work/feed}")
what=${1:-all}
[[ $what == all || $what == here || $what == arm64 ]] || { echo "there is no part $what"; exit 2; }
# What the packages need is downloaded once for each machine. The packages themselves are always new.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meki-packages
rm -rf "$cache"/meki*
version=$(sed -nE 's|.*<Version>(.*)</Version>.*|\1|p' Directory.Build.props)
model=$PWD/models/tiny-meki
sysroot=${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}
case $(uname -s)-$(uname -m) in
    Linux-x86_64) rid=linux-x64 ;;
    Linux-aarch64) rid=linux-arm64 ;;
    Darwin-arm64) rid=osx-arm64 ;;
    *) rid="" ;;
esac

fail() { printf 'FAIL  %s\n' "$*"; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 || { tail -40 "$work/log"; exit 1; }; }

# shellcheck disable=SC2086
quietly dotnet pack -c Release MeKi.sln -o "$feed" ${MEKI_PACK_OPTIONS:-}
for package in MeKi MeKi.Extensions.AI MeKi.Server MeKi.Tool; do
    [ -f "$feed/$package.$version.nupkg" ] || fail "there is no package $package $version"
    contents=$(unzip -l "$feed/$package.$version.nupkg")
    grep -q README.md <<<"$contents" || fail "$package has no readme"
    nuspec=$(unzip -p "$feed/$package.$version.nupkg" '*.nuspec')
    grep -q '<license type="expression">MIT</license>' <<<"$nuspec" || fail "$package has no licence"
    grep -q '<tags>' <<<"$nuspec" || fail "$package has no tags"
    ! grep -qE 'id="MeKi\.(Quant|Kernels|Store|Model)"' <<<"$nuspec" || fail "$package asks for a package that there is not"
    [ $package = MeKi.Tool ] || grep -q '\.xml' <<<"$contents" || fail "$package has no documentation"
    [ $package = MeKi.Tool ] || grep -q '\.pdb' <<<"$(unzip -l "$feed/$package.$version.snupkg")" || fail "$package has no symbols"
done
contents=$(unzip -l "$feed/MeKi.$version.nupkg")
symbols=$(unzip -l "$feed/MeKi.$version.snupkg")
for part in MeKi.Quant MeKi.Kernels MeKi.Store MeKi.Model; do
    for file in "lib/net10.0/$part.dll" "lib/net10.0/$part.xml"; do
        grep -q "$file" <<<"$contents" || fail "the package MeKi has no $file"
    done
    grep -q "lib/net10.0/$part.pdb" <<<"$symbols" || fail "the symbols of MeKi have no $part.pdb"
done
grep -q buildTransitive/MeKi.props <<<"$contents" || fail "the package MeKi has no settings"
[ "$(find "$feed" -name '*.nupkg' | wc -l)" -eq 4 ] || fail "there are other packages in $feed: $(ls "$feed")"
echo "ok    packages ($SECONDS s)"

mkdir "$work/app"
cat >"$work/app/nuget.config" <<XML
<configuration>
  <config><add key="globalPackagesFolder" value="$cache" /></config>
  <packageSources><add key="packed" value="$feed" /></packageSources>
  <fallbackPackageFolders><add key="user" value="${NUGET_PACKAGES:-$HOME/.nuget/packages}" /></fallbackPackageFolders>
</configuration>
XML
cat >"$work/app/app.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="MeKi" Version="$version" />
    <PackageReference Include="MeKi.Extensions.AI" Version="$version" />
  </ItemGroup>
</Project>
XML
# README's program, with the model where it lies; and the speed of a process's first tokens.
awk '/^```csharp$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md |
    sed -e "s|models/tiny-meki|$model|" -e '0,/^$/s|^$|if (args is ["speed"]) { await Speed.TellAsync(); return; }|' >"$work/app/Program.cs"
cat >"$work/app/Speed.cs" <<CS
using System.Diagnostics;
using MeKi.Model;
using MeKi.Model.Generation;

static class Speed
{
    public static async Task TellAsync()
    {
        using var model = MeKiModel.Load("$model", new() { Threads = 1 });
        Microsoft.Extensions.AI.IChatClient? client = Environment.TickCount == -1 ? new MeKi.Extensions.AI.MeKiChatClient(model) : null;
        long begin = 0, early = 0;
        int tokens = 0;
        await foreach (string piece in model.GenerateAsync("ROMEO:", new() { Temperature = 0, MaxTokens = 300 }))
        {
            tokens++;
            if (tokens == 2) begin = Stopwatch.GetTimestamp();
            if (tokens == 51) early = Stopwatch.GetTimestamp();
        }
        double late = Stopwatch.GetElapsedTime(early).TotalSeconds / (tokens - 51), first = Stopwatch.GetElapsedTime(begin, early).TotalSeconds / 49;
        Console.WriteLine(FormattableString.Invariant(\$"{model.Kernels} {1 / first:f0} {1 / late:f0}"));
    }
}
CS

# Programs find cultures if told to: without ICU they would not start.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
text=""
same() { # same NAME COMMAND…: the program prints the text that the first one printed
    local name=$1 printed began=$SECONDS
    shift
    printed=$("$@") || fail "$name: exit code $?"
    [ -n "$text" ] || text=$printed
    [ -n "$printed" ] && [ "$printed" = "$text" ] || fail "$name: another text: $printed"
    echo "ok    $name: the same text ($((SECONDS - began)) s)"
}

# speed COMMAND…: kernels, tokens/s of the first fifty tokens of a process, and of those behind them; of three runs the one whose lesser figure is the best.
speed() {
    for _ in 1 2 3; do "$@" speed; done | awk '{ least = $2 < $3 ? $2 : $3; if (least >= best) { best = least; line = $0 } } END { print line }'
}

# fast NAME PART COMMAND…: all of its tokens come at no less than a PARTth of Native AOT's speed.
# The machine may do other things meanwhile: there are ten tries.
fast() {
    local name=$1 part=$2 figures first late
    shift 2
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        figures=$(speed "$@")
        read -r _ first late <<<"$figures"
        if [ $((first * part)) -gt "$full" ] && [ $((late * part)) -gt "$full" ]; then
            echo "ok    $name: full speed from the first token ($figures tokens/s for tokens 2 to 50, and later)"
            return
        fi
    done
    fail "$name: slow tokens: $figures tokens/s for tokens 2 to 50, and later, where Native AOT makes $full"
}

publish() { # publish FOLDER SETTING…
    local out=$work/$1
    shift
    quietly dotnet publish "$work/app" -c Release -o "$out" "$@"
    rm -rf "$work/app/bin" "$work/app/obj"
}

publish jit
same "framework-dependent" dotnet "$work/jit/app.dll"

here() {
    local kernels aotKernels prompt printed
    if grep -q libicuuc <<<"$(ldconfig -p 2>/dev/null)"; then
        for culture in tr_TR de_DE; do
            same "in the culture $culture" env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 LC_ALL=$culture.UTF-8 dotnet "$work/jit/app.dll"
        done
    else
        echo "skip  other cultures: there is no ICU"
    fi
    if [ -n "$rid" ]; then
        publish aot -r "$rid" -p:PublishAot=true
        same "Native AOT" "$work/aot/app"
        read -r aotKernels _ full <<<"$(speed "$work/aot/app")"
        # Native AOT for x86-64-v3 leaves AVX-512 alone; its own settings would give scalar kernels, a hundredth of the speed.
        [ "$aotKernels" != Scalar ] || fail "Native AOT: scalar kernels"
        fast "Native AOT" 2 "$work/aot/app"
        # .NET's default settings give a fifteenth.
        fast "framework-dependent" 7 dotnet "$work/jit/app.dll"
        publish trimmed -r "$rid" --self-contained -p:PublishTrimmed=true
        same "trimmed" "$work/trimmed/app"
        fast "trimmed" 7 "$work/trimmed/app"
        read -r kernels _ <<<"$(dotnet "$work/jit/app.dll" speed)"
        grep -q "^$kernels " <<<"$("$work/trimmed/app" speed)" || fail "trimmed: other kernels than $kernels"
    else
        echo "skip  trimmed, Native AOT: not for this system"
    fi
    quietly dotnet tool install MeKi.Tool --version "$version" --tool-path "$work/tools" --configfile "$work/app/nuget.config"
    [ "$("$work/tools/meki" --version)" = "$version" ] || fail "the tool tells of another version"
    prompt=$'KING RICHARD III:\nNow'
    printed=$("$work/tools/meki" run "$prompt" -n 20 --temp 0 2>/dev/null) || fail "the tool: exit code $?"
    [ "$printed" = "$prompt$text" ] || fail "the tool: another text: $printed"
    echo "ok    the tool: the same text"
}

arm64() {
    if [ "$rid" != linux-x64 ]; then
        echo "skip  ARM64 under emulation: this is no Linux on x64"
        return
    fi
    if ! command -v qemu-aarch64-static >/dev/null || [ ! -e "$sysroot/lib/ld-linux-aarch64.so.1" ]; then
        echo "skip  ARM64 under emulation: there is no qemu-user-static, or no ARM64 libc at $sysroot (libc6-arm64-cross, libstdc++6-arm64-cross)"
        return
    fi
    export QEMU_LD_PREFIX=$sysroot
    arm() { qemu-aarch64-static -cpu "$1" -E DOTNET_EnableWriteXorExecute=0 "${@:2}"; }
    publish arm -r linux-arm64 --self-contained
    same "ARM64 with dot products, emulated" arm max,sve=off "$work/arm/app"
    same "ARM64 without dot products, emulated" arm cortex-a53 "$work/arm/app"
    if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
        echo "skip  ARM64 Native AOT: there is no aarch64-linux-gnu-gcc (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross)"
        return
    fi
    # The linker is called as Clang wants to be called, who is told the target.
    printf '#!/usr/bin/env bash\nfor each; do [[ $each == --target=* ]] || set -- "$@" "$each"; shift; done\nexec aarch64-linux-gnu-gcc "$@"\n' >"$work/cc"
    chmod +x "$work/cc"
    publish armaot -r linux-arm64 -p:PublishAot=true "-p:CppCompilerAndLinker=$work/cc" -p:LinkerFlavor=bfd \
        -p:SysRoot= -p:ObjCopyName=aarch64-linux-gnu-objcopy
    same "ARM64 Native AOT with dot products, emulated" arm max,sve=off "$work/armaot/app"
    same "ARM64 Native AOT without dot products, emulated" arm cortex-a72 "$work/armaot/app"
}

[ "$what" = arm64 ] || here
[ "$what" = here ] || arm64
echo "ok    $what ($SECONDS s)"
