"""Hosts for tests: network namespaces of Linux, joined by a bridge on which this machine is too.

A host has processes and addresses of its own; its files are those of this machine. That takes
the rights of root and the program `ip`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.databases import NoServer


@dataclass(frozen=True)
class Host:
    """A namespace called `name`, which the others reach at `address`."""

    name: str
    address: str

    @property
    def within(self) -> tuple[str, ...]:
        """What goes before a command that is to run there."""
        return ("ip", "netns", "exec", self.name)

    def kill(self) -> None:
        """End all its processes at once, as a loss of power would, and its network with them."""
        _ip("-n", self.name, "link", "set", "eth0", "down")
        for pid in map(int, _ip("netns", "pids", self.name).split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Network:
    """A bridge, on which this machine is at `address`."""

    bridge: str
    subnet: str
    hosts: ExitStack
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def address(self) -> str:
        return f"{self.subnet}.1"

    def host(self) -> Host:
        """A new host on it, for as long as the network is there."""
        number = next(self.numbers)
        host = Host(f"{self.bridge}h{number}", f"{self.subnet}.{number}")
        _ip("netns", "add", host.name)
        self.hosts.callback(_ip, "netns", "del", host.name)
        end = f"{self.bridge}v{number}"
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _ip("link", "set", end, "master", self.bridge, "up")
        _ip("-n", host.name, "link", "set", "lo", "up")
        _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
        _ip("-n", host.name, "link", "set", "eth0", "up")
        return host


@contextmanager
def network() -> Iterator[Network]:
    """A network without hosts, gone with all of them after the block. Raises NoServer."""
    if shutil.which("ip") is None:
        raise NoServer("There is no program `ip` on this machine.")
    number = os.getpid() % 65_536  # another in each process of tests; 15 letters are a name's most
    bridge, subnet = f"m{number}", f"10.{number // 256}.{number % 256}"
    try:
        _ip("link", "add", "name", bridge, "type", "bridge")
    except PermissionError as error:
        raise NoServer(str(error)) from None
    with ExitStack() as hosts:
        hosts.callback(_ip, "link", "del", bridge)
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield Network(bridge, subnet, hosts)


def _ip(*words: str) -> str:
    """What `ip` prints. Raises PermissionError where it may not."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if "not permitted" in done.stderr:
        raise PermissionError(f"Network namespaces need more rights: {done.stderr.strip()}")
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout
