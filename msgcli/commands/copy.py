"""The whole store into another database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from msgcli import bootstrap, config, console
from msgcli.options import Json

app = typer.Typer()


@app.command("copy", cls=bootstrap.StoreCommand)
def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="An empty database, named as in MSGCLI_DATABASE_URL."
        ),
    ],
    json: Json = False,
) -> None:
    """Copy the whole store to another database, from SQLite to PostgreSQL or back.

    People with their passwords, messages with their ids, threads and versions, what is unread.
    Interrupted, the same command goes on. In the end both sides are compared.
    """
    from messaging import copying
    from msgcli.target import opened

    name = config.without_password(to)
    try:
        with opened(to) as target:
            contents = copying.copy("default", target, _bar)
    except KeyboardInterrupt:
        console.remark("Stopped. What is copied is kept; the same command goes on.")
        raise
    if json:
        console.show_json({"to": name, **contents.as_dict()})
        return
    from msgcli import render

    console.show_lines(render.copied(contents, name))
    console.remark("To use it, set MSGCLI_DATABASE_URL to its URL, or database_url in config.toml.")


@contextmanager
def _bar(what: str, number: int) -> Iterator[Callable[[int], None]]:
    from msgcli.progress import bar

    with bar(what) as shown:
        shown.expect(number)
        yield shown.advance
