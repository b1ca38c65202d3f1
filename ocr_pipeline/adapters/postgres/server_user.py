"""Which user the embedded server runs as, and how programs are started as that user.

PostgreSQL refuses to run as root. Under root the server runs as the owner of its data directory, or as `nobody`. When
that user cannot reach the directory or the binaries (a checkout below /root, mode 0700), `setpriv` gives it the one
capability that lets it pass, and bars it from gaining any other.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_pipeline.domain.errors import ConfigurationError

_FALLBACK = "nobody"
_PASSES = (), ("dac_read_search",), ("dac_override",)
"""Capabilities to try, least first. Containers often lack the second."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """`switch` starts every command line; it is empty when this process is that user already."""

    uid: int
    gid: int
    switch: tuple[str, ...] = ()

    def run(
        self, command: Iterable[str | Path], *, output: int = subprocess.DEVNULL, keep: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user, with a bare environment and the descriptors in `keep` open."""
        return subprocess.run(  # noqa: S603  # the command is this package's own
            [*self.switch, *map(str, command)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            pass_fds=tuple(keep),
            start_new_session=True,
            umask=0o077,
        )

    def own(self, path: Path) -> None:
        """Give this user a directory that this process made."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def owner_of_server(data_dir: Path) -> tuple[int, int]:
    """The user and group ids that the server in this directory runs under."""
    owner = data_dir.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise ConfigurationError(f"the database directory {data_dir} belongs to another user: run as that user")
        return owner.st_uid, owner.st_gid
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        fallback = pwd.getpwnam(_FALLBACK)
    except KeyError:
        raise ConfigurationError(
            f"PostgreSQL does not run as root and there is no user {_FALLBACK}: run as an ordinary user"
        ) from None
    return fallback.pw_uid, fallback.pw_gid


def server_user(data_dir: Path, program: Path) -> ServerUser:
    """The user with the least that it needs to write in `data_dir` and run `program`. Raises ConfigurationError."""
    uid, gid = owner_of_server(data_dir)
    if uid == os.geteuid():
        return ServerUser(uid, gid)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigurationError(
            "running the embedded database as root needs setpriv (util-linux): run as another user"
        )
    for capabilities in _PASSES:
        user = ServerUser(uid, gid, _switch(setpriv, uid, gid, capabilities))
        reach = 'test -w "$1" && "$2" --version'
        if user.run(["/bin/sh", "-c", reach, "sh", data_dir, program]).returncode == 0:
            return user
    raise ConfigurationError(
        f"the embedded database runs as user id {uid}, which cannot reach {data_dir} or {program}: "
        "run as an ordinary user, or choose a data directory that other users can pass to"
    )


def _switch(setpriv: str, uid: int, gid: int, capabilities: Sequence[str]) -> tuple[str, ...]:
    granted = ",".join(["-all", *(f"+{capability}" for capability in capabilities)])
    identity = f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"
    # Without this bit access(2), by which initdb looks for postgres, ignores the capabilities of an ordinary user.
    counted = ["--securebits=+no_setuid_fixup"] if capabilities else []
    return (setpriv, *identity, *counted, f"--inh-caps={granted}", f"--ambient-caps={granted}", "--")
