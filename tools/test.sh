#!/usr/bin/env bash
# Every test: quick ones first, then those on the real services, which are started once and stopped at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -d .runtime/tessdata ] && export TESSDATA_PREFIX="$PWD/.runtime/tessdata"

# A test that hangs ends the run: an interrupted property test would be tried again and again.
"$python" -m pytest -q -o timeout_method=thread tests/unit tests/properties

"$python" tools/services.py up
trap '"$python" tools/services.py down' EXIT
set -a
# shellcheck disable=SC1091 # written by the line above
. .runtime/services/services.env
set +a
OCR_TEST_REQUIRE_SERVICES=1 "$python" -m pytest -q tests \
  --ignore=tests/unit --ignore=tests/properties --ignore=tests/vllm "$@"
