#!/usr/bin/env bash
# Container engines for the tests alone, on a Debian machine whose user is root: nothing is installed, and the network is left as it is.
#   engine_under_test.sh start FOLDER [ENGINE...]   starts docker and podman, or those named; FOLDER/env then has what the tests look for
#   engine_under_test.sh stop FOLDER                ends them, with everything that they started
# What is downloaded stays in FOLDER/packages. Where there cannot be one, FOLDER/env has the reason, which the skipped tests then say.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
action=$1 folder=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2
packages=$folder/packages programs=$folder/programs image=localflyte/testbase:py
socket=unix://$folder/socket podman=$folder/bin/podman

start() {
    local started=() engine code
    [ $# != 0 ] || set -- docker podman
    : > "$folder/env"
    for engine in "$@"; do
        # In a shell of its own, which ends where there can be none, and not as a condition, in which it would not end at an error.
        set +e
        (set -e; "start_$engine")
        code=$?
        set -e
        [ "$code" != 0 ] || started+=("$engine")
    done
    rm -f "$folder/base.tar"
    [ ${#started[@]} = 0 ] || echo "export LOCALFLYTE_TEST_IMAGE=$image LOCALFLYTE_TEST_CONTAINER_ENGINE='${started[*]}'" >> "$folder/env"
}

give_up() {
    echo "no $1 for the tests: $2" >&2
    echo "export LOCALFLYTE_TEST_NO_${1^^}='${2//\'/}'" >> "$folder/env"
    exit 1
}

# fetch ENGINE PACKAGE...: has apt-get download packages with what they need that is not installed, and unpacks them.
fetch() {
    local engine=$1
    shift
    [ "$(id -u)" = 0 ] || give_up "$engine" "it takes root"
    command -v apt-get dpkg > /dev/null || give_up "$engine" "it takes apt-get"
    mkdir -p "$packages/$engine/partial" "$programs"
    chmod -R a+rx "$packages"
    if ! ls "$packages/$engine"/*.deb > /dev/null 2>&1; then
        (apt-get update -qq && apt-get install -qq --reinstall --download-only --no-install-recommends \
            -o "Dir::Cache::archives=$packages/$engine/" "$@") > "$folder/download" 2>&1 || give_up "$engine" "$1 cannot be downloaded"
    fi
    for package in "$packages/$engine"/*.deb; do dpkg -x "$package" "$programs"; done
}

# import_base COMMAND...: makes the image of the tests, unless the engine has it.
import_base() {
    "$@" image inspect "$image" > /dev/null 2>&1 && return
    [ -e "$folder/base.tar" ] || "${PYTHON:-python3}" "$here/base_image.py" "$folder/base.tar"
    "$@" import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
        "$folder/base.tar" "$image" > "$folder/import" 2>&1
}

start_docker() {
    [ -x "$programs/usr/sbin/dockerd" ] || fetch docker docker.io containerd runc tini
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
        kill -0 "$daemon" 2> /dev/null || { tail -3 "$folder/log" >&2; give_up docker "dockerd did not start"; }
        sleep 0.1
    done
    import_base docker || { stop_docker; give_up docker "the base image could not be made"; }
    echo "export DOCKER_HOST=$socket PATH=\$PATH:$programs/usr/bin" >> "$folder/env"
}

# Podman has no daemon: it is started by its configuration alone, which one program on the PATH gives it.
start_podman() {
    local real=$programs/usr/bin/podman libraries=$programs/usr/lib/$(uname -m)-linux-gnu said
    rm -f "$podman"
    [ -x "$real" ] || real=$(command -v podman) || {
        fetch podman podman runc catatonit
        real=$programs/usr/bin/podman
    }
    mkdir -p "$folder/bin" "$folder/podman/home/.config/containers"
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' > "$folder/podman/home/.config/containers/policy.json"
    podman_settings "$libraries" > "$folder/podman/containers.conf"
    printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$folder/podman/store" "$folder/podman/run" \
        > "$folder/podman/storage.conf"
    : > "$folder/podman/registries.conf"
    cat > "$podman" <<-END
	#!/bin/sh
	export CONTAINERS_CONF=$folder/podman/containers.conf CONTAINERS_STORAGE_CONF=$folder/podman/storage.conf HOME=$folder/podman/home \\
	    CONTAINERS_REGISTRIES_CONF=$folder/podman/registries.conf LD_LIBRARY_PATH=$libraries PATH=\$PATH:$programs/usr/bin:$programs/usr/sbin
	exec $real "\$@"
	END
    chmod +x "$podman"
    import_base "$podman" || { stop_podman; give_up podman "the base image could not be made"; }
    said=$("$podman" run --rm --network=none "$image" true 2>&1) || { stop_podman; give_up podman "${said##*$'\n'}"; }
    echo "export PATH=$folder/bin:\$PATH" >> "$folder/env"
}

# podman_settings FOLDER: what podman is told where it does not find by itself what was only unpacked.
podman_settings() {
    local files processes most
    files=$(ulimit -Hn) processes=$(ulimit -Hu) most=$(cat /proc/sys/kernel/pid_max)
    [ "$files" != unlimited ] || files=1048576
    [ "$processes" != unlimited ] && [ "$processes" -lt "$most" ] || processes=$most
    # It would ask for more than root may have where that lacks a capability. What conmon starts at the end of a container is podman,
    # which without its libraries does not come up, and the end is then noticed only after 20 seconds.
    cat <<-END
	[containers]
	default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	tmp_dir = "$folder/podman/tmp"
	lock_type = "file"
	conmon_path = ["$programs/usr/bin/conmon", "/usr/bin/conmon"]
	conmon_env_vars = ["LD_LIBRARY_PATH=$1", "PATH=$PATH:$programs/usr/bin:$programs/usr/sbin"]
	init_path = "$(ls "$programs/usr/libexec/podman/catatonit" /usr/libexec/podman/catatonit 2> /dev/null | head -1)"
	helper_binaries_dir = ["$programs/usr/lib/podman", "$programs/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/podman"]
	$(command -v runc "$programs/usr/sbin/runc" | sed -n '1s/.*/runtime = "runc"\n[engine.runtimes]\nrunc = ["&"]/p')
	END
}

stop() {
    rm -f "$folder/env"
    stop_docker
    stop_podman
}

stop_docker() {
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
    remove_groups localflyte-tests
    if [ -e "$folder/made-etc-docker" ]; then
        rm -f /etc/docker/key.json "$folder/made-etc-docker"
        rmdir /etc/docker 2> /dev/null || true
    fi
}

stop_podman() {
    [ -x "$podman" ] || return 0
    "$podman" rm --all --force --time 0 > /dev/null 2>&1 || true
    rm "$podman"
    # Of what is removed while it runs podman has its runtime forget too late.
    grep -ls "$folder/podman/" /run/runc/*/state.json | xargs --no-run-if-empty dirname | xargs --no-run-if-empty rm -r || true
    remove_groups libpod_parent
}

remove_groups() {
    local group
    for group in "/sys/fs/cgroup/$1" /sys/fs/cgroup/*/"$1"; do
        [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || true
    done
}

"$action" "$@"
