#!/bin/sh
# Backs up the records and the encrypted objects of a pipeline, or its keys; never both into one place.
#
#   backup.sh data FOLDER      a dump of the database, then a copy of every object; again into the same folder copies what is new
#   backup.sh erasures FOLDER  the notes of erasures alone: small, and worth copying every few minutes, to another place
#   backup.sh keys FOLDER      the key file, for another safe: without it the rest opens nothing, with it everything
#
# The settings are the pipeline's own (OCR_PIPELINE_DATABASE__URL, OCR_PIPELINE_STORAGE__..., OCR_PIPELINE_SECRETS_DIR).
# docs/guides/backup.md tells when, how often, and what else to keep.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
umask 077

usage() { echo "usage: $0 data FOLDER | erasures FOLDER | keys FOLDER" >&2; exit 2; }

[ $# -eq 2 ] || usage
folder=$2
mkdir -p "$folder"

case "$1" in
    data)
        if [ -e "$folder/keys.json" ]; then
            echo "there is a key file in $folder: keep the keys apart from what they open" >&2
            exit 1
        fi
        # The database first. An object is written before the row that names it, so every row of this dump finds its
        # object in a copy that is made afterwards; what came in between is an object too many, which harms nothing.
        "$python" "$here/pipeline_data.py" database pg_dump --format=custom --compress=6 --no-owner --no-privileges \
            --file="$folder/database.dump.part"
        "$python" "$here/pipeline_data.py" copy-out "$folder"
        "$python" "$here/pipeline_data.py" notes-out "$folder"
        mv "$folder/database.dump.part" "$folder/database.dump"
        (cd "$folder" && sha256sum database.dump objects.jsonl >SHA256SUMS)
        date -u +%Y-%m-%dT%H:%M:%SZ >"$folder/finished"
        echo "backed up into $folder: database.dump, $(wc -l <"$folder/objects.jsonl") objects"
        ;;
    erasures) "$python" "$here/pipeline_data.py" notes-out "$folder" ;;
    keys)
        if [ -e "$folder/database.dump" ] || [ -e "$folder/objects.jsonl" ] || [ -e "$folder/erasures" ]; then
            echo "$folder holds documents: keep the keys apart from what they open" >&2
            exit 1
        fi
        cp "$("$python" "$here/pipeline_data.py" key-file)" "$folder/keys.json"
        chmod 600 "$folder/keys.json"
        echo "keys in $folder/keys.json"
        ;;
    *) usage ;;
esac
