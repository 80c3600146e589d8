#!/usr/bin/env bash
# Fetches what the lab runs, as Debian packages, into private directories:
#
#   22       Asterisk 22 of Debian testing (REST over WebSocket)
#   16       Asterisk 16 of Debian 11 (plain HTTP, the oldest that users run)
#   tools    SIPp (phones and carrier) and Prometheus, of Debian testing
#   browser  Chromium with its driver, a virtual display and xdg-open, of Debian 12
#
# Packages are only downloaded and unpacked, never installed: no maintainer script runs, no chroot, no mount, no
# namespace, and no privilege is needed. Each root gets a script `run` that starts one of its programs through the
# root's own dynamic loader and libraries, wherever the root lies. Idempotent and safe to run several times at once.
#
#   provision.sh [ROOT...]        default: every root
#   LAB_ROOTS     where they go (default .lab/roots in the repository), shared by all labs of this checkout
#   LAB_MIRROR    a Debian mirror; the default is read from this machine's own apt sources
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
roots=${LAB_ROOTS:-$repository/.lab/roots}
# Raise it when the lists of packages below change: older roots are then fetched again.
edition=1

say() { echo "lab provision: $*" >&2; }
fail() { say "$*"; exit 1; }

# The packages of one root, and the suites that may hold them (the first that answers is taken).
describe() {
    case $1 in
        22) suites=(forky); packages=(asterisk) ;;
        16) suites=(bullseye); packages=(asterisk) ;;
        tools) suites=(forky); packages=(sip-tester prometheus) ;;
        browser) suites=(bookworm); packages=(chromium chromium-driver xvfb xdg-utils) ;;
        *) fail "there is no root called '$1' (22, 16, tools, browser)" ;;
    esac
}

need_host_programs() {
    local missing=()
    command -v apt-get >/dev/null || fail "this needs apt (Debian or a relative); elsewhere set LAB_ASTERISK to an installed Asterisk and have sipp in the PATH"
    command -v flock >/dev/null && command -v setpriv >/dev/null || missing+=(util-linux)
    [[ -n $(type -P kill) ]] || missing+=(procps) # the program, not the shell's own
    command -v gpgv >/dev/null || missing+=(gpgv)
    [[ -e $keyring ]] || missing+=(debian-archive-keyring)
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || fail "please install first, as root: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The mirror that this machine uses itself, security and update suites left aside.
find_mirror() {
    if [[ -n ${LAB_MIRROR:-} ]]; then
        echo "${LAB_MIRROR%/}"
        return
    fi
    # shellcheck disable=SC2016  # the placeholders are apt's
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null \
        | sed 's|/$||' | grep -E '/debian$' | head -n 1 || true
}

# apt with everything of its own under one directory: the host's package database stays untouched, and none of the hooks
# in the host's configuration run. How to reach the network (a proxy, say) is taken over from it.
configure_private_apt() {
    local state=$1 architecture
    architecture=$(dpkg --print-architecture)
    {
        apt-config dump | grep -E '^Acquire::[^ ]+ ".+";$' || true
        cat <<CONFIG
Dir::Etc "$state/etc";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::State "$state/state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Debug::NoLocking "true";
CONFIG
    } >"$state/apt.conf"
}

# Downloads the packages of the suite with all that they depend on.
download() {
    local state=$1 uri=$2 suite=$3
    mkdir -p "$state"/etc/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$state"/state/lists/partial "$state"/cache/archives/partial
    : >"$state/status"
    echo "deb [signed-by=$keyring] $uri $suite main" >"$state/etc/sources.list"
    configure_private_apt "$state"
    APT_CONFIG=$state/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update || return 1
    APT_CONFIG=$state/apt.conf apt-get -qq -y --download-only install "${packages[@]}" >/dev/null
}

unpack() {
    local state=$1 into=$2 deb
    mkdir -p "$into"
    for deb in "$state"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$into" --no-same-owner --keep-directory-symlink \
            --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' \
            --exclude './usr/share/info/*' --exclude './var/*' --exclude './boot/*'
    done
}

# Starts a program of the root: `run usr/sbin/asterisk -f`. The same process all the way, so its id stays.
write_launcher() {
    local into=$1 triplet
    triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
    cat >"$into/run" <<LAUNCHER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")" && pwd)
for loader in "\$root"/usr/lib64/ld-linux-*.so.* "\$root"/usr/lib/$triplet/ld-linux-*.so.* "\$root"/lib/$triplet/ld-linux-*.so.* "\$root"/lib/$triplet/ld-[0-9]*.so; do
    [ -f "\$loader" ] && [ -x "\$loader" ] && break
done
program=\$1
shift
exec "\$loader" --library-path "\$root/usr/lib/$triplet:\$root/lib/$triplet:\$root/usr/lib" "\$root/\$program" "\$@"
LAUNCHER
    chmod +x "$into/run"
}

# Chromium starts copies of itself by its name in /proc, which would be the loader's: so the machine's own loader and C
# library (of Debian 12 or newer) serve this root. And Xvfb looks for xkbcomp in /usr/bin alone: here, where it runs.
adapt_browser() {
    local into=$1 triplet
    triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
    LC_ALL=C sed -i 's|/usr/bin\x00|././././\x00|' "$into/usr/bin/Xvfb"
    cat >"$into/run" <<LAUNCHER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")" && pwd)
program=\$1
shift
cd "\$root/usr/bin" || exit
export LD_LIBRARY_PATH="\$root/usr/lib/$triplet:\$root/lib/$triplet:\$root/usr/lib/$triplet/pulseaudio"
export FONTCONFIG_PATH="\$root/etc/fonts"
exec "\$root/\$program" "\$@"
LAUNCHER
}

provision() {
    local root=$1 state uri suite mirror
    local suites packages
    describe "$root"
    if [[ $(cat "$roots/$root/.edition" 2>/dev/null) == "$edition" ]]; then
        return 0
    fi
    need_host_programs
    mirror=$(find_mirror)
    [[ -n $mirror ]] || fail "found no Debian mirror in this machine's apt sources; set LAB_MIRROR"
    # A release that is no longer supported moves to the archive, beside the mirror on the same host.
    for suite in "${suites[@]}"; do
        for uri in "$mirror" "${mirror%/debian}/debian-archive/debian" "${mirror%/debian}/archive/debian"; do
            state=$(mktemp -d "$roots/.fetch.XXXXXX")
            say "fetching $root (${packages[*]} of $suite)"
            if download "$state" "$uri" "$suite"; then
                rm -rf "${roots:?}/$root.new" "${roots:?}/$root"
                [[ $root != browser ]] || rm "$state"/cache/archives/libc6_*.deb
                unpack "$state" "$roots/$root.new"
                write_launcher "$roots/$root.new"
                [[ $root != browser ]] || adapt_browser "$roots/$root.new"
                echo "$edition" >"$roots/$root.new/.edition"
                mv "$roots/$root.new" "$roots/$root"
                rm -rf "$state"
                say "$root is ready"
                return 0
            fi
            rm -rf "$state"
        done
    done
    fail "could not fetch $root from the mirror of this machine's apt sources nor from its archive"
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$roots"
command -v flock >/dev/null || need_host_programs
exec 9>"$roots/.lock"
flock 9
for root in "${@:-22 16 tools browser}"; do
    # The default is one word list on purpose.
    for name in $root; do
        provision "$name"
    done
done
