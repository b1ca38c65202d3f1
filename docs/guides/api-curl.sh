#!/usr/bin/env bash
# One signed request to the OCR API, with nothing but bash, openssl and curl.
#
#   api-curl.sh [--print-headers] METHOD PATH [FILE TYPE]
#
#   export OCR_URL=https://ocr.example OCR_KEY_ID=ock_... OCR_SECRET=...
#   api-curl.sh POST   '/v1/documents?type=prescription' scan.pdf application/pdf
#   api-curl.sh GET    /v1/documents/ID
#   api-curl.sh GET    /v1/documents/ID/text
#   api-curl.sh DELETE /v1/documents/ID
#
# OCR_SECRET is the secret as it was printed when the key was made (43 characters of base64url).
# OCR_IDEMPOTENCY_KEY may name a document that is handed in: sent again with the same key, it is taken in once.
# With --print-headers the request is not sent; its headers are printed, one a line.
#
# The signature is HTTP Message Signatures (RFC 9421) with hmac-sha256. To port it to another language, follow the
# numbered steps; what a step prints must be the same to the byte.
set -euo pipefail

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | sed -n '/^set /q;p' >&2; exit 2; }

print_headers=false
if [[ ${1:-} == --print-headers ]]; then print_headers=true; shift; fi
[[ $# -eq 2 || $# -eq 4 ]] || usage
method=$1 target=$2 file=${3:-} content_type=${4:-}
: "${OCR_KEY_ID:?set OCR_KEY_ID}" "${OCR_SECRET:?set OCR_SECRET}"
$print_headers || : "${OCR_URL:?set OCR_URL}"

# 1. Path and query, exactly as they go over the wire: percent-encoded, in the order in which they are sent.
#    A request without a query signs the question mark alone.
path=${target%%\?*}
query=; [[ $target != *\?* ]] || query=${target#*\?}

# 2. The time in seconds since 1970 (the server's may differ by 300 s), and a nonce that is never used again:
#    16 to 64 printable characters.
created=$(date +%s)
nonce=$(openssl rand -hex 16)

# 3. What is signed: method, path and query always. Of the headers those four that change what a request means, where
#    they are there: content-digest, idempotency-key, client-reference, callback-url, under their names in small
#    letters. Whoever sends one of the latter two adds it here in the same way.
components='"@method" "@path" "@query"'
base=$(printf '"@method": %s\n"@path": %s\n"@query": ?%s' "$method" "$path" "$query")
headers=()
cover() { # NAME VALUE
  headers+=("$1: $2")
  local name; name=$(tr '[:upper:]' '[:lower:]' <<<"$1")
  components+=" \"$name\""
  base+=$'\n'"\"$name\": $2"
}

# 4. A body is signed through its SHA-256 (RFC 9530), in base64 between colons.
if [[ -n $file ]]; then
  headers+=("Content-Type: $content_type")
  cover Content-Digest "sha-256=:$(openssl dgst -sha256 -binary <"$file" | openssl base64 -A):"
fi
if [[ -n ${OCR_IDEMPOTENCY_KEY:-} ]]; then cover Idempotency-Key "$OCR_IDEMPOTENCY_KEY"; fi

# 5. The parameters of the signature, and the line of them that ends the text to be signed. Lines are parted by a line
#    feed; there is none after the last.
parameters="($components);created=$created;nonce=\"$nonce\";keyid=\"$OCR_KEY_ID\";alg=\"hmac-sha256\""
base+=$'\n'"\"@signature-params\": $parameters"

# 6. The HMAC of that text. The key is the 32 bytes that the printed secret stands for: base64url to base64 (- is +,
#    _ is /), with the padding that was left off, decoded. Every language has an HMAC, which is better than this one:
#    openssl's takes its key as an argument, which other users of the machine could see, so RFC 2104 is spelled out:
#    sha256(key xor 0x5c..., sha256(key xor 0x36..., text)), the key filled up with zeros to 64 bytes.
key=$(printf '%s=' "$OCR_SECRET" | tr -- '-_' '+/' | openssl base64 -d -A 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
[[ ${#key} -eq 64 ]] || { echo "OCR_SECRET is not the secret of a key" >&2; exit 2; }
padded=$key$(printf '%064d' 0)
key_xor() { # BYTE
  local i byte
  for ((i = 0; i < 128; i += 2)); do
    printf -v byte '\\x%02x' $((16#${padded:i:2} ^ $1))
    printf '%b' "$byte"
  done
}
sha256() { openssl dgst -sha256 -binary; }
mac=$({ key_xor 0x5c; { key_xor 0x36; printf '%s' "$base"; } | sha256; } | sha256 | openssl base64 -A)

# 7. Two headers carry it. The label (here sig1) is free, and the same in both.
headers+=("Signature-Input: sig1=$parameters" "Signature: sig1=:$mac:")

if $print_headers; then printf '%s\n' "${headers[@]}"; exit; fi

# 8. Send. --path-as-is keeps curl from changing the path that was signed; -T sends the file piece by piece.
arguments=(--silent --show-error --fail-with-body --globoff --path-as-is --request "$method")
for header in "${headers[@]}"; do arguments+=(--header "$header"); done
[[ -z $file ]] || arguments+=(--upload-file "$file" --header 'Expect:')
exec curl "${arguments[@]}" "${OCR_URL%/}$target"
