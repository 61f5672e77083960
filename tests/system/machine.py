"""A Debian machine with a real systemd, in a container: made by debootstrap once, booted afresh in seconds."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "syncd"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv"
NEEDS = ("debootstrap", "systemd-nspawn", "nsenter", "apt-get")


def missing() -> str | None:
    """Why there can be no machine here, if there can be none."""
    if "SYNCD_SYSTEM_TEST" not in os.environ:
        return "make system-test runs it, as root"
    if os.geteuid() != 0:
        return "root is needed"
    lacking = [name for name in NEEDS if shutil.which(name) is None]
    return f"install {', '.join(lacking)} (debootstrap, systemd-container)" if lacking else None


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.2)


class Machine:
    """A booted machine. It shares the host's network, and forgets everything when it is switched off."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a command in it as root; returns what it printed on both outputs."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Make a file with this text."""
        self.run("sh", "-c", f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", stdin=text)

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def journal(self, unit: str) -> str:
        """What the journal holds of a unit since the boot."""
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit)


@contextmanager
def booted() -> Iterator[Machine]:
    """Boot a machine that has syncd's deploy folder in /src and all wheels in /wheels."""
    tree, wheels = debian(), wheelhouse()
    console = CACHE / "console.log"
    with console.open("wb") as log:
        container = subprocess.Popen(
            [
                "systemd-nspawn",
                f"--directory={tree}",
                "--volatile=overlay",
                "--boot",
                "--register=no",
                "--keep-unit",
                "--console=pipe",
                f"--bind-ro={ROOT / 'deploy'}:/src/deploy",
                f"--bind-ro={ROOT / 'README.md'}:/src/README.md",
                f"--bind-ro={ROOT / 'docs'}:/src/docs",
                f"--bind-ro={wheels}:/wheels",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _is_up(container))
        yield Machine(_children(container.pid)[0])
    finally:
        for leader in _children(container.pid):
            os.kill(leader, signal.SIGRTMIN + 4)  # systemd's poweroff.target
        try:
            container.wait(30)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()


def _is_up(container: subprocess.Popen[bytes]) -> bool:
    """Whether its systemd has started everything. The container's first child is one that only prepares it."""
    assert container.poll() is None, (CACHE / "console.log").read_text()
    machines = [Machine(leader) for leader in _children(container.pid)]
    states = [machine.run("systemctl", "is-system-running", check=False).strip() for machine in machines]
    return states in (["running"], ["degraded"])


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def debian() -> Path:
    """The folder of a Debian of this machine's release, from where this machine's apt gets its packages."""
    release, mirror = _release()
    tree = CACHE / f"debian-{release}"
    if not tree.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = tree.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(new), mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (new / "etc/machine-id").write_text("")
        new.rename(tree)
    return tree


def _release() -> tuple[str, str]:
    """The code name of this machine's Debian, and the address that its apt knows for it."""
    [codename] = re.findall(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    targets = ["apt-get", "indextargets", "--format", "$(CODENAME) $(LABEL) $(REPO_URI)", "Created-By: Packages"]
    printed = subprocess.run(targets, check=True, capture_output=True, text=True).stdout
    mirrors = [line.split()[2] for line in printed.splitlines() if line.startswith(f"{codename} Debian ")]
    return codename, mirrors[0]


def wheelhouse() -> Path:
    """A folder with the wheel of this syncd and of all that it needs."""
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wheels = CACHE / f"wheels-{hashlib.sha256(repr(needs).encode()).hexdigest()[:12]}"
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "wheel"]
    if not wheels.exists():
        new = wheels.with_suffix(".new")
        subprocess.run([*pip, "--wheel-dir", str(new), *needs], check=True)
        new.rename(wheels)
    for old in wheels.glob("syncd-*.whl"):
        old.unlink()
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    return wheels
