#!/bin/sh
# Restores what backup.sh made, into a database without tables and a bucket: restore.sh FOLDER [NOTES]
#
# The key file is put back by hand, before, from its own safe. Nothing else may run meanwhile. Afterwards the audit trail
# is verified, and what was erased after the backup is erased again: by the notes that the bucket still has, those of the
# backup, and those that `backup.sh erasures NOTES` copied since.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: $0 FOLDER [NOTES]" >&2; exit 2; }
folder=$1
[ $# -eq 1 ] || [ -d "$2" ] || { echo "there is no folder $2" >&2; exit 1; }
[ -s "$folder/finished" ] || { echo "$folder holds no backup that was finished" >&2; exit 1; }
(cd "$folder" && sha256sum --quiet --check SHA256SUMS) || { echo "$folder: the backup is damaged" >&2; exit 1; }

tables=$("$python" "$here/pipeline_data.py" database psql --no-psqlrc --tuples-only --no-align \
    --command "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
[ "$tables" -eq 0 ] || { echo "the database is not empty: restore into a new one" >&2; exit 1; }

# Objects first: at no moment is there a row without its object.
"$python" "$here/pipeline_data.py" copy-in "$folder"
for place in "$@"; do
    "$python" "$here/pipeline_data.py" notes-in "$place"
done
"$python" "$here/pipeline_data.py" database pg_restore --exit-on-error --single-transaction --no-owner --no-privileges \
    --dbname={database} "$folder/database.dump"

# The backup may be of an earlier version.
ocr-pipeline migrate
ocr-pipeline audit verify
ocr-pipeline erasures apply
echo "restored from $folder, as it was at $(cat "$folder/finished"). Next: start the services and workers, then"
echo "  ocr-pipeline reconcile --lost-broker"
