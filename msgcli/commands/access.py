"""Letting people in: login links, logging out, tokens for scripts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from msgcli import bootstrap, console
from msgcli.errors import StoreNotReady
from msgcli.listing import show_json, show_list, tally
from msgcli.options import Json, User, me, message_id

app = typer.Typer()
token = typer.Typer(no_args_is_help=True)
app.add_typer(token, name="token", help="Tokens, by which scripts say whom they act for.")


@app.command("login-link", cls=bootstrap.StoreCommand)
def login_link(
    user: User = None,
    minutes: Annotated[
        int, typer.Option(min=1, max=1440, metavar="N", help="For how many minutes it works.")
    ] = 10,
    url: Annotated[
        str, typer.Option(envvar="MSGCLI_URL", metavar="URL", help="Where the server is.")
    ] = "http://127.0.0.1:8000",
    json: Json = False,
) -> None:
    """Print a link that logs USER in, once, at a running msgcli serve."""
    from datetime import timedelta

    from django.utils import timezone

    from messaging import plain
    from messaging.accounts import find_user

    links = _models().LoginLink.objects
    person = find_user(me(user))
    secret = links.issue(person, minutes)
    link = f"{url.rstrip('/')}/login/link/?token={secret}"
    if json:
        expires = plain.utc(timezone.now() + timedelta(minutes=minutes))
        console.show_json({"user": person.get_username(), "url": link, "expires": expires})
        return
    console.show_lines([link])
    console.remark(f"Works once, for {tally(minutes, 0, 'minutes')}")


@app.command("logout", cls=bootstrap.StoreCommand)
def logout(user: User = None, json: Json = False) -> None:
    """Log USER out everywhere, and revoke their login links. Tokens stay: see token revoke."""
    from messaging.accounts import find_user

    models = _models()
    _check_sessions()
    person = find_user(me(user))
    models.LoginLink.objects.filter(user=person).delete()
    ended, _ = models.Session.objects.filter(user=person).delete()
    name = person.get_username()
    if json:
        console.show_json({"user": name, "ended": ended})
    elif ended:
        console.show_lines([f"{name} is logged out of {tally(ended, 0, 'browsers')}"])
    else:
        console.show_lines([f"{name} is not logged in anywhere."])


@token.command("create", cls=bootstrap.StoreCommand)
def create(
    user: User = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Make a token for scripts that act for USER, and print it, this once."""
    from messaging.accounts import find_user

    made, secret = _models().Token.objects.issue(find_user(me(user)), name)
    if json:
        console.show_json({**_row(made), "token": secret})
        return
    console.show_lines([secret])
    console.remark(f"Token {made.pk}. It can't be shown again. Scripts send it so:")
    console.remark("Authorization: Bearer TOKEN")


@token.command("list", cls=bootstrap.StoreCommand)
def list_(user: User = None, json: Json = False) -> None:
    """Show USER's tokens."""
    from messaging.accounts import find_user

    found = _models().Token.objects.select_related("user").order_by("id")
    person = find_user(me(user))
    tokens = list(found.filter(user=person))
    if json:
        show_json(_row, tokens)
        return
    from msgcli import render

    nothing = f"No tokens of {person.get_username()}."
    cells = [
        render.token_cells(one.pk, one.name, one.begins_with, one.created, one.last_used)
        for one in tokens
    ]
    show_list(render.TOKEN_COLUMNS, cells, tally(len(tokens), 0, "tokens") if tokens else nothing)


@token.command("revoke", cls=bootstrap.StoreCommand)
def revoke(
    number: Annotated[
        int, typer.Argument(metavar="ID", parser=message_id, help="The id of a token.")
    ],
    json: Json = False,
) -> None:
    """Make a token worthless, at once."""
    from messaging.exceptions import NotFound

    found = _models().Token.objects.filter(pk=number).select_related("user").first()
    if found is None:
        raise NotFound(f"No token {number}. To see them: msgcli token list USER")
    name = found.user.get_username()
    found.delete()
    if json:
        console.show_json({"id": number, "user": name, "revoked": True})
    else:
        console.show_lines([f"Token {number} of {name} is revoked."])


def _row(token: Any) -> dict[str, Any]:
    from messaging import plain

    return {
        "id": token.pk,
        "user": token.user.get_username(),
        "name": token.name,
        "begins_with": token.begins_with,
        "created": plain.utc(token.created),
        "last_used": plain.utc(token.last_used) if token.last_used else None,
    }


def _check_sessions() -> None:
    """Raise StoreNotReady in a project whose sessions don't say whose they are."""
    from importlib import import_module

    from django.conf import settings

    from messaging.access.sessions import SessionStore

    if not issubclass(import_module(settings.SESSION_ENGINE).SessionStore, SessionStore):
        module = bootstrap.options.settings
        raise StoreNotReady(f"Set SESSION_ENGINE = 'messaging.access.sessions' in {module} first.")


def _models() -> Any:
    """The models of messaging.access. Raises StoreNotReady in a project that does without."""
    from django.apps import apps

    if not apps.is_installed("messaging.access"):
        module = bootstrap.options.settings
        raise StoreNotReady(f"Add 'messaging.access' to the INSTALLED_APPS of {module} first.")
    from messaging.access import models

    return models
