"""The web server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names

app = typer.Typer()

LINK_MINUTES = 10


class LogFormat(StrEnum):
    """How the log is written."""

    text = "text"
    json = "json"


@app.command("serve")
def serve(
    *,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=user_names, help="Print a link that logs NAME in once."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to serve at.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0 for a free one.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many processes answer.")
    ] = 2,
    threads: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many requests a process answers at once.")
    ] = 16,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start again when the code changes.")
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option(metavar="FORMAT", help="How the log is written.")
    ] = LogFormat.text,
    certfile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A certificate, for TLS.")
    ] = None,
    keyfile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The key of the certificate.")
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Believe this address or network when it says whose request it passes on.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Answer to this name too.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve others without TLS all the same.")
    ] = False,
) -> None:
    """Serve the messages to browsers and scripts, until Ctrl-C."""
    import webbrowser

    from msgcli import server
    from msgcli.web import secret

    options = server.Options(
        host=host,
        port=port,
        workers=workers,
        threads=threads,
        reload=reload,
        log_format=log_format.value,
        certfile=certfile,
        keyfile=keyfile,
        proxies=proxy or [],
        names=allow_host or [],
        insecure=insecure,
    )
    server.check(options)
    with server.reserve(host, port) as kept:
        bootstrap.setup_django()
        bootstrap.prepare_store()
        secret.ensure_key()
        path = _login_path(user) if user else ""

        def announce(url: str) -> None:
            console.remark(f"Serving on {url}  (Ctrl-C stops)")
            if path:
                console.show_lines([url + path])
                console.flush()
            if open_ and not webbrowser.open(url + path):
                console.remark("There is no browser here that could be opened.")

        server.serve(options, kept, announce)


def _login_path(name: str) -> str:
    """The path of a link that logs this user in, who is added to one's own store if need be."""
    from messaging.access.models import LoginLink
    from messaging.accounts import people, similar_name

    adds = bootstrap.adds_users() and similar_name(name) is None
    (user,), added = people((name,), add=adds)
    if added:
        console.remark(f"(+ new here: {name})")
    return f"/login/link/?token={LoginLink.objects.issue(user, LINK_MINUTES)}"
