"""Searching."""

from __future__ import annotations

from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names
from msgcli.listing import newest, show_list, tally
from msgcli.options import SHOWN, Everybody, Json, Since, Until, With, my_name
from msgcli.selection import messages_of

app = typer.Typer()


@app.command("search", cls=bootstrap.StoreCommand)
def search(
    typed: Annotated[
        list[str], typer.Argument(metavar="WORDS...", help="What has to be in a message.")
    ],
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="USER",
            autocompletion=user_names,
            help="Whose messages. Left out: MSGCLI_USER's, else everybody's.",
        ),
    ] = None,
    other: With = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=1,
            metavar="N",
            help=f"Show the best N ({SHOWN} on a terminal, else all).",
        ),
    ] = None,
    everybody: Everybody = False,
    json: Json = False,
) -> None:
    """Find the messages with all of these words, the best first.

    '"two words"' have to follow each other, begin* finds beginnings. Case and accents make
    no difference.
    """
    from messaging import plain
    from messaging.search import words

    name = None if everybody else user or my_name()
    messages = messages_of(name, other, "msgcli search WORDS --user USER --with OTHER")
    text = " ".join(typed)
    rows, more = newest(messages.sent(since=since, until=until).search(text), limit, json)
    wanted = words.terms(text)
    found = [(row, words.spans(row.content, wanted)) for row in rows]
    if json:
        console.show_json_list(plain.found(row, parts) for row, parts in found)
        return
    from msgcli import render

    remark = f"{tally(len(rows), more, 'messages')} msgcli thread ID to read."
    nothing = "Nothing found." if wanted else "There are no words in that."
    marked = console.is_terminal()  # through a pipe goes all of the text, as it is
    cells = [render.found_cells(row, parts if marked else ()) for row, parts in found]
    show_list(render.FOUND_COLUMNS, cells, remark if rows else nothing)
