#!/usr/bin/env bash
# Tests on a real vLLM with the tiny reader, and on the real services.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -d .runtime/tessdata ] && export TESSDATA_PREFIX="$PWD/.runtime/tessdata"

"$python" tools/services.py up
trap '"$python" tools/services.py down' EXIT
set -a
# shellcheck disable=SC1091 # written by the line above
. .runtime/services/services.env
set +a
[ $# -gt 0 ] || set -- tests/vllm
OCR_TEST_REQUIRE_SERVICES=1 OCR_TEST_REQUIRE_VLLM=1 "$python" -m pytest -q -rA "$@"
