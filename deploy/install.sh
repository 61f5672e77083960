#!/bin/sh
# Installs syncd as a service of systemd, or brings an installed one up to date. For root, in syncd's folder:
#
#   deploy/install.sh                      from this folder and the packages that pip finds
#   deploy/install.sh --wheels FOLDER      from a folder with the wheels of syncd and all that it needs; no network
#
# The program goes to /opt/syncd, configurations belong in /etc/syncd, and the state will be in /var/lib/syncd.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=/opt/syncd
units=/etc/systemd/system
wheels=

die() {
    echo "error: $*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --wheels)
        [ $# -ge 2 ] || die "--wheels needs a folder"
        wheels=$2
        shift 2
        ;;
    *) die "there is no option $1; there is: --wheels FOLDER" ;;
    esac
done

[ "$(id -u)" = 0 ] || die "root is needed: sudo $0"
for wheel in "$wheels"/syncd-*.whl; do
    [ -z "$wheels" ] || [ -f "$wheel" ] || die "$wheels: holds no wheel of syncd"
done
command -v systemctl >/dev/null || die "there is no systemd on this machine"
python=$(command -v python3) || die "there is no python3 on this machine"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python is older than 3.11, which syncd needs"
"$python" -c 'import ensurepip' 2>/dev/null || die "$python cannot make environments: install python3-venv"

"$python" -m venv --upgrade-deps "$target" 2>/dev/null || "$python" -m venv "$target"
if [ -n "$wheels" ]; then
    "$target/bin/pip" install --quiet --no-index --find-links "$wheels" --upgrade "$wheel"
else
    "$target/bin/pip" install --quiet --upgrade "$here/.."
fi
"$target/bin/python" -W error -c 'import polars' || die "this machine's processor is too old for Polars, which syncd needs"

install -d "$target/share"
install -m 0644 "$here/../README.md" "$target/share/"
rm -rf "$target/share/docs"
cp -R "$here/../docs" "$target/share/docs"
install -m 0644 -D "$here/sysusers.conf" /etc/sysusers.d/syncd.conf
install -m 0644 -D "$here/tmpfiles.conf" /etc/tmpfiles.d/syncd.conf
systemd-sysusers /etc/sysusers.d/syncd.conf
systemd-tmpfiles --create /etc/tmpfiles.d/syncd.conf

for unit in syncd.service syncd@.service syncd-run@.service syncd-run@.timer \
    syncd-receive.service syncd-receive@.service; do
    install -m 0644 "$here/$unit" "$units/$unit"
done
for service in syncd.service syncd@.service syncd-run@.service syncd-receive.service syncd-receive@.service; do
    install -m 0644 -D "$here/hardening.conf" "$units/$service.d/10-hardening.conf"
done
for service in syncd.service syncd@.service; do
    install -m 0644 -D "$here/daemon.conf" "$units/$service.d/10-daemon.conf"
done
for service in syncd-receive.service syncd-receive@.service; do
    install -m 0644 -D "$here/receiver.conf" "$units/$service.d/20-receiver.conf"
done
install -m 0755 "$here/syncd-at" /usr/local/bin/syncd-at
ln -sf "$target/bin/syncd" /usr/local/bin/syncd
systemctl daemon-reload
systemctl try-restart 'syncd.service' 'syncd@*.service' 'syncd-receive.service' 'syncd-receive@*.service'

cat <<'END'
syncd is installed. For a company, say acme:
  1. write /etc/syncd/acme.yaml with   api_key: ${credential:key}   and   state: /var/lib/syncd/acme/syncd.db
  2. put the API key into /etc/syncd/acme.key, and: chmod 600 /etc/syncd/acme.key
  3. systemctl enable --now syncd@acme
Then: systemctl status syncd@acme, journalctl -u syncd@acme, and syncd-at acme status.
END
