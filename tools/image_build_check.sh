#!/bin/bash
# Builds the worker's image with buildah from a Debian base that debootstrap makes, and lets it read pages: alone and as
# a recognition worker beside a real broker and S3 server. No registry of images is needed, and no daemon.
#
#   tools/image_build_check.sh [build | test | all]
#
# Needs root and Debian's buildah, podman, runc and debootstrap; says what is missing and leaves with 77 where it cannot
# work. Everything lies under .runtime/image. PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS and PIP_CERT are passed
# on to the build, DEBIAN_MIRROR names another mirror than the machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
room=$PWD/.runtime/image
tag=localhost/ocr-pipeline-worker:check
base=localhost/debian:debootstrap
store=(--root "$room/store" --runroot "$room/run" --storage-driver overlay)

skip() { echo "image not checked: $*" >&2; exit 77; }

for program in buildah podman runc debootstrap; do
    command -v "$program" >/dev/null || skip "$program is missing (apt-get install buildah podman runc debootstrap)"
done
[ "$(id -u)" -eq 0 ] || skip "building in a chroot needs root"

# The mirror this machine installs from, of whichever kind its sources are written.
mirror_of_this_machine() {
    {
        sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources
        sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | grep -m 1 '/debian/\?$' || skip "no Debian mirror is known here: name one in DEBIAN_MIRROR"
}

make_base() {
    [ -s "$room/base.tar" ] && return
    rm -rf "$room/base"
    debootstrap --variant=minbase bookworm "$room/base" "${DEBIAN_MIRROR:-$(mirror_of_this_machine)}" >"$room/base.log"
    rm -rf "$room"/base/var/cache/apt/archives/*.deb "$room"/base/var/lib/apt/lists/*
    tar -C "$room/base" -cf "$room/base.tar.part" .
    mv "$room/base.tar.part" "$room/base.tar"
    rm -rf "$room/base"
}

build() {
    mkdir -p "$room"
    make_base
    buildah "${store[@]}" inspect --type image "$base" >/dev/null 2>&1 || import_base
    local -a given=()
    local name
    for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS; do
        [ -n "${!name:-}" ] && given+=(--build-arg "$name=${!name}")
        # A folder of this machine is lent to the build.
        [ -d "${!name:-}" ] && given+=(--volume "${!name}:${!name}:ro")
    done
    if [ -s "${PIP_CERT:-}" ]; then
        given+=(--volume "$PIP_CERT:/run/pip-cert.crt:ro" --build-arg PIP_CERT=/run/pip-cert.crt)
    fi
    local began=$SECONDS
    nice buildah "${store[@]}" build --isolation=chroot --format docker --pull=never --layers --target worker \
        --build-arg BASE=$base "${given[@]}" \
        --file deploy/docker/Dockerfile --tag "$tag" . >"$room/build.log" 2>&1 || {
        tail -n 40 "$room/build.log" >&2
        exit 1
    }
    echo "built $tag in $((SECONDS - began)) s: $(size_of "$tag") MiB, of which the base $(size_of "$base") MiB"
}

import_base() {
    local container
    container=$(buildah "${store[@]}" from scratch)
    buildah "${store[@]}" add --quiet "$container" "$room/base.tar" / >/dev/null
    buildah "${store[@]}" commit --quiet --rm "$container" "$base" >/dev/null
}

size_of() { echo $(($(buildah "${store[@]}" images --json "$1" | sed -n 's/.*"size": *"\?\([0-9.]*\) *\([KMG]B\).*/\1 \2/p' | awk '{m = $2 == "GB" ? 1000 : 1; printf "%d", $1 * m}'))); }

run_tests() {
    OCR_TEST_IMAGE=$tag OCR_TEST_IMAGE_STORE=$room .venv/bin/pytest -q tests/integration/test_deploy_image.py
}

case "$what" in
    build) build ;;
    test) run_tests ;;
    all) build; run_tests ;;
    *) echo "usage: $0 [build | test | all]" >&2; exit 2 ;;
esac
