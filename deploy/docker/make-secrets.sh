#!/bin/sh
# Makes the secrets that docker-compose.yml names, each in a file of its own, and a certificate to begin with. What is
# there already is kept: run it again after an update that needs a new one.
#
#   deploy/docker/make-secrets.sh [FOLDER]   (default: var/secrets, or $OCR_SECRETS)
#
# The folder is closed to others; the files in it can be read by whichever user a container runs as, for Docker mounts
# them as they are. The key that opens documents is not among them: the service `keys` makes it, in its own volume.
set -eu

cd "$(dirname "$0")/../.."
folder=${1:-${OCR_SECRETS:-var/secrets}}
doors=$PWD/deploy/flower/haproxy-flower.cfg
umask 077
mkdir -p "$folder"
cd "$folder"

random() { openssl rand -hex 24; }

# Keep what was kept; else write what comes in, whole or not at all.
keep() {
    if [ -s "$1" ]; then cat >/dev/null; else cat >"$1.part" && mv "$1.part" "$1"; fi
    chmod 0444 "$1"
}

value() { cat "$1"; }

# RabbitMQ's way: base64 of a salt of four bytes, and SHA-256 over salt and password.
rabbit_hash() {
    openssl rand 4 >salt
    { cat salt; printf %s "$1"; } | openssl dgst -sha256 -binary >digest
    cat salt digest | openssl base64 -A
    rm -f salt digest
}

# One user of the broker for each kind of process; deploy/rabbitmq/permissions.json says what each may.
broker_users="topology gateway intake recognition quarantine results maintenance bulk triggers beat admin exporter flower"

for password in management_password postgres_password valkey_password grafana_password operators_password \
    storage__secret_key vllm__api_key; do
    random | tr -d '\n' | keep "$password"
done
for user in $broker_users; do
    random | tr -d '\n' | keep "broker_password.$user"
    printf 'amqp://%s:%s@rabbitmq:5672/ocr' "$user" "$(value "broker_password.$user")" | keep "broker_url.$user"
done
printf 'ocr-pipeline' | keep storage__access_key

printf 'postgresql+psycopg://ocr:%s@postgres:5432/ocr' "$(value postgres_password)" | keep database__url
printf 'http://watcher:%s@rabbitmq:15672/api' "$(value management_password)" | keep observability__management_url
printf 'redis://:%s@valkey:6379/0' "$(value valkey_password)" | keep gateway__valkey_url
printf 'requirepass %s\n' "$(value valkey_password)" | keep valkey.conf

keep seaweedfs_s3.json <<END
{"identities": [{"name": "pipeline",
  "credentials": [{"accessKey": "$(value storage__access_key)", "secretKey": "$(value storage__secret_key)"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
END

# A user of RabbitMQ's: name, password, tags.
rabbit_user() {
    printf '  {"name": "%s", "password_hash": "%s",\n' "$1" "$(rabbit_hash "$2")"
    printf '   "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": [%s]}' "$3"
}

# The watcher asks the management API: for Flower, the exporter and the status page.
{
    printf '{"vhosts": [{"name": "ocr"}],\n "users": [\n'
    for user in $broker_users; do
        rabbit_user "$user" "$(value "broker_password.$user")" ""
        printf ',\n'
    done
    rabbit_user watcher "$(value management_password)" '"monitoring"'
    printf '\n]}\n'
} | keep rabbitmq_users.json

# Flower's door in the proxy, with the hash of the operators' password put in.
hash=$(openssl passwd -6 -stdin <operators_password)
sed "s|^\( *user operator password \).*|\1$hash|" "$doors" | keep haproxy-operators.cfg

# The chain, then the key, as HAProxy wants them.
if [ ! -s proxy.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout tls.key -out tls.crt 2>/dev/null
    cat tls.crt tls.key | keep proxy.pem
    rm -f tls.crt tls.key
    echo "proxy.pem is signed by itself, for localhost and 90 days: replace it before anyone else comes" >&2
fi
echo "secrets in $folder"
