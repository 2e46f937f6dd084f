"""A real S3 server for tests: Ceph's RADOS gateway before one monitor and one disk in memory.

Unlike moto's it checks secrets, policies and session tokens, answers over TLS, and is what
organisations run. Installed when it is missing, which needs root. Every process of it dies with the
process that started it, however that ends.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.behaviour.certificates import Authority
from tests.behaviour.servers import free_port

ACCESS_KEY = "somebody"
SECRET_KEY = "gateway-secret-key"
_LOCK = Path(tempfile.gettempdir()) / "mesh-tests-install-ceph.lock"
_PACKAGES = ("ceph-mon", "ceph-osd", "ceph-base", "radosgw")
_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", *_PACKAGES)
_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw")
_PATIENCE_SECONDS = 60
# Radosgw hangs without cephx. A pool of one placement group each, and a monitor that proposes at
# once, make it start in one second instead of twelve. Without tcp_nodelay every GET takes 40 ms.
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {home}/keyring
run dir = {home}
pid file =
admin socket =
log file =
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 2147483648
mon allow pool size one = true
mon max pg per osd = 10000
paxos propose interval = 0.05
[mon.a]
mon data = {home}/mon
[osd.0]
osd data = {home}/osd
[client.rgw]
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:{plain} ssl_endpoint=127.0.0.1:{secure} \
ssl_certificate={certificate} ssl_private_key={key}
rgw s3 auth use sts = true
rgw sts key = abcdefghijklmnop
rgw sts min session duration = 1
rgw thread pool size = 32
rgw num rados handles = 1
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
"""
_KEYS = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
    "client.rgw": ("mon", "allow *", "osd", "allow *"),
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is being served, without TLS and with it."""

    endpoint: str
    secure_endpoint: str
    authority: Path
    """The certificate of the authority that signed the secure endpoint's: a PEM file."""


@contextmanager
def running() -> Iterator[Gateway]:
    """A gateway with one user, who may do everything with what is theirs."""
    _install()
    home = Path(tempfile.mkdtemp(prefix="mesh-ceph-"))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield _started(home, processes)
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
        shutil.rmtree(home)


def _started(home: Path, processes: list[subprocess.Popen[bytes]]) -> Gateway:
    monitor, plain, secure = free_port(), free_port(), free_port()
    authority = Authority.new(home / "authority")
    certificate = authority.certify("127.0.0.1", "localhost")
    fsid, disk = str(uuid.uuid4()), str(uuid.uuid4())
    (home / "ceph.conf").write_text(
        _CONFIGURATION.format(
            home=home,
            fsid=fsid,
            monitor=monitor,
            plain=plain,
            secure=secure,
            certificate=certificate.chain,
            key=certificate.key,
        )
    )

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=home)

    def start(*command: str) -> None:
        # The kernel kills it when the tests end, also when they are killed themselves.
        with (home / f"{command[0]}.log").open("wb") as log:
            bound = ("setpriv", "--pdeathsig", "KILL", *command, "--foreground")
            started = subprocess.Popen(
                bound, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        processes.append(started)

    run("ceph-authtool", "--create-keyring", "keyring")
    for name, rights in _KEYS.items():
        pairs = zip(rights[::2], rights[1::2], strict=True)
        caps = [part for kind, right in pairs for part in ("--cap", kind, right)]
        run("ceph-authtool", "keyring", "--gen-key", "--name", name, *caps)
    address = f"[v2:127.0.0.1:{monitor}]"
    run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, "monmap")
    own = ("--conf", "ceph.conf")
    monitors = ("--monmap", "monmap", "--keyring", "keyring")
    run("ceph-mon", *own, "--mkfs", "--id", "a", *monitors)
    start("ceph-mon", *own, "--id", "a")
    run("ceph", *own, "--connect-timeout", str(_PATIENCE_SECONDS), "osd", "new", disk, "0")
    (home / "osd").mkdir()
    run("ceph-osd", *own, "--id", "0", "--mkfs", "--osd-uuid", disk)
    start("ceph-osd", *own, "--id", "0")
    start("radosgw", *own, "--name", "client.rgw")
    _await_answer(plain, home, processes)
    user = ("--uid", ACCESS_KEY, "--display-name", ACCESS_KEY, "--caps", "roles=*;user-policy=*")
    keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    run("radosgw-admin", *own, "--name", "client.rgw", "user", "create", *user, *keys)
    return Gateway(
        f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", authority.certificate
    )


def _await_answer(port: int, home: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and all(process.poll() is None for process in processes):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    said = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in home.glob("*.log"))
    raise RuntimeError(f"Ceph's gateway did not start\n{said}")


def _install() -> None:
    """Install what is missing; several test processes may come here at once."""
    if _is_installed():
        return
    assert os.geteuid() == 0, f"run as root, or install it first: {' '.join(_INSTALL)}"
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_installed():
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (("apt-get", "update"), _INSTALL):
                subprocess.run(command, check=True, capture_output=True, env=quiet)
    assert _is_installed(), f"{' '.join(_INSTALL)} brought not all of {_PROGRAMS}"


def _is_installed() -> bool:
    return all(shutil.which(program) for program in _PROGRAMS)
