#!/bin/sh
# Says by its exit status whether the process of this container does its work. It starts no Python: it runs every few
# seconds, beside pages that are being read.
#   health.sh http PORT PATH     a server answers 200 there
#   health.sh pulse FILE SECONDS the loop of a worker touched the file within so many seconds
set -eu

case "$1" in
    http)
        exec bash -c '
            exec 3<>"/dev/tcp/127.0.0.1/$1"
            printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$2" >&3
            read -r -t 5 _ status _ <&3
            [ "$status" = 200 ]
        ' health "$2" "$3"
        ;;
    pulse)
        touched=$(stat -c %Y "$2")
        [ $(($(date +%s) - touched)) -le "$3" ]
        ;;
    *)
        echo "usage: $0 http PORT PATH | pulse FILE SECONDS" >&2
        exit 2
        ;;
esac
