#!/usr/bin/env bash
# A docker engine for the tests alone, on a Debian machine whose user is root: nothing is installed, and the network is left as it is.
#   engine_under_test.sh start FOLDER   starts one; FOLDER/env then has the variables that the tests look for
#   engine_under_test.sh stop FOLDER    ends it, with everything that it started
# What is downloaded stays in FOLDER/packages. Where there cannot be one, FOLDER/env has the reason, which the skipped tests then say.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "$2" && cd "$2" && pwd)
programs=$folder/programs image=localflyte/testbase:py
socket=unix://$folder/socket

give_up() {
    echo "no container engine for the tests: $1" >&2
    echo "export LOCALFLYTE_TEST_NO_ENGINE='$1'" > "$folder/env"
    exit 0
}

download() {
    [ -x "$programs/usr/sbin/dockerd" ] && return
    [ "$(id -u)" = 0 ] || give_up "it takes root"
    command -v apt-get dpkg > /dev/null || give_up "it takes apt-get"
    mkdir -p "$folder/packages" "$programs"
    chmod 755 "$folder/packages"
    if ! ls "$folder"/packages/docker.io_*.deb > /dev/null 2>&1; then
        (apt-get update -qq && cd "$folder/packages" && apt-get download -qq docker.io containerd runc tini) > "$folder/download" 2>&1 ||
            give_up "docker.io cannot be downloaded"
    fi
    for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$programs"; done
}

start() {
    download
    export PATH=$PATH:$programs/usr/bin:$programs/usr/sbin DOCKER_HOST=$socket
    [ -e /etc/docker ] || touch "$folder/made-etc-docker"
    echo '{}' > "$folder/daemon.json"
    # No bridge and no rules: the network of the machine stays as it is. Containers have none, or the machine's.
    PATH=$programs/usr/sbin:$programs/usr/bin:$PATH setsid dockerd --config-file "$folder/daemon.json" --host "$socket" \
        --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$folder/pid" --storage-driver overlay2 \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /localflyte-tests > "$folder/log" 2>&1 < /dev/null &
    local daemon=$!
    for _ in $(seq 300); do
        docker version > /dev/null 2>&1 && break
        kill -0 "$daemon" 2> /dev/null || { tail -3 "$folder/log" >&2; give_up "dockerd did not start"; }
        sleep 0.1
    done
    docker image inspect "$image" > /dev/null 2>&1 || {
        "${PYTHON:-python3}" "$here/base_image.py" "$folder/base.tar"
        docker import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
            "$folder/base.tar" "$image" > /dev/null
        rm "$folder/base.tar"
    } || { stop; give_up "the base image could not be made"; }
    echo "export DOCKER_HOST=$socket LOCALFLYTE_TEST_IMAGE=$image PATH=\$PATH:$programs/usr/bin" > "$folder/env"
}

stop() {
    rm -f "$folder/env"
    local daemon
    daemon=$(cat "$folder/pid" 2> /dev/null) || return 0
    PATH=$PATH:$programs/usr/bin
    docker --host "$socket" ps --all --quiet 2> /dev/null | xargs --no-run-if-empty docker --host "$socket" rm --force > /dev/null 2>&1 || true
    kill "$daemon" 2> /dev/null || true
    for _ in $(seq 300); do
        kill -0 "$daemon" 2> /dev/null || break
        sleep 0.1
    done
    umount "$folder/run/netns/default" 2> /dev/null || true
    for group in /sys/fs/cgroup/localflyte-tests /sys/fs/cgroup/*/localflyte-tests; do
        [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || true
    done
    if [ -e "$folder/made-etc-docker" ]; then
        rm -f /etc/docker/key.json "$folder/made-etc-docker"
        rmdir /etc/docker 2> /dev/null || true
    fi
}

"$1"
