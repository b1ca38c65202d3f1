#!/usr/bin/env bash
# Every test, in three lanes side by side that take about as long as each other, for most tests wait more than they
# compute. The services are started once and stopped at the end; each lane that empties a broker has one of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -d .runtime/tessdata ] && export TESSDATA_PREFIX="$PWD/.runtime/tessdata"

told=$(mktemp -d)
others=()
finish() {
    [ ${#others[@]} = 0 ] || kill "${others[@]}" 2>/dev/null || true
    "$python" tools/services.py down
    rm -rf "$told"
}
trap finish EXIT
"$python" tools/services.py up
set -a
# shellcheck disable=SC1091 # written by the line above
. .runtime/services/services.env
OCR_TEST_REQUIRE_SERVICES=1
set +a

parts=(tests/unit tests/properties tests/contract tests/browser tests/restore)
whole=(tests/e2e tests/faults)

# A test that hangs ends the run: an interrupted property test would be tried again and again.
env -u OCR_TEST_AMQP_URL "$python" -m pytest -q -o timeout_method=thread "${parts[@]}" "$@" >"$told/parts" 2>&1 &
others+=($!)
env -u OCR_TEST_AMQP_URL "$python" -m pytest -q "${whole[@]}" "$@" >"$told/whole" 2>&1 &
others+=($!)

failed=0
"$python" -m pytest -q tests "${parts[@]/#/--ignore=}" "${whole[@]/#/--ignore=}" --ignore=tests/vllm "$@" || failed=$?
for lane in "${others[@]}"; do
    wait "$lane" || failed=$?
done
others=()
cat "$told/parts" "$told/whole"
exit "$failed"
