"""How soon a message that is sent is seen by `watch`, against a bare notification's way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import psycopg
from common import Figures
from django.core.management import call_command
from django.db import connections

sys.path.insert(0, str(Path(__file__).parent.parent))

from settings import database
from tests.databases import NoServer, postgres

SERVER = "server"
TIMES = 1000
PAUSE = 0.002  # seconds between two, so that each is woken for


def latencies(send: Callable[[], object], receive: Callable[[], object]) -> list[float]:
    """The seconds from the beginning of each `send` to the end of `receive` in another thread."""
    started: list[float] = []
    ended: list[float] = []

    def listen() -> None:
        for _ in range(TIMES):
            receive()
            ended.append(perf_counter())
        connections.close_all()

    listener = Thread(target=listen)
    listener.start()
    sleep(0.5)  # by then it listens
    for number in range(TIMES):
        started.append(perf_counter())
        send()
        while len(ended) <= number and listener.is_alive():
            sleep(PAUSE)
    listener.join()
    return sorted(end - start for start, end in zip(started, ended, strict=True))


def bare(url: str) -> list[float]:
    """A NOTIFY on one connection that another has listened for."""
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as two:
        two.execute("LISTEN bare")
        return latencies(lambda: one.execute("NOTIFY bare"), lambda: next(two.notifies()))


def watched() -> list[float]:
    """A message that is sent, with all that goes with it, and yielded by `watch`."""
    from django.contrib.auth.models import User

    from messaging.arrivals import Arrivals, watch
    from messaging.models import Message

    def lost() -> None:
        raise SystemExit("The connection was lost.")

    alice, bob = (User.objects.using(SERVER).create(username=name) for name in ("alice", "bob"))
    arriving = watch(Arrivals(bob, using=SERVER), lost)
    messages = Message.objects.using(SERVER)
    return latencies(lambda: messages.send(alice, bob, "hi"), lambda: next(arriving))


def main() -> None:
    """Measure both on a server of their own, and print."""
    try:
        with postgres() as server:
            url = server.new_database()
            connections.settings[SERVER] = {**connections.settings["default"], **database(url)}
            connections.settings[SERVER]["OPTIONS"] = {}
            call_command("migrate", database=SERVER, verbosity=0)
            floor, taken = bare(server.url()), watched()
            connections.close_all()
    except NoServer as error:
        raise SystemExit(f"SKIPPED: {error}") from error
    figures = Figures()
    for what, part in (("half", 0.5), ("99 of 100", 0.99)):
        place = int(part * TIMES)
        figures.ratio(f"from sending to seeing, {what} within", taken[place], floor[place], 50)
    figures.end()


if __name__ == "__main__":
    main()
