"""The floor for serving: a bare Django site with a login, and one page under `cache_page`.

It has the database settings, the cache and the server of `msgcli serve`, and answers with
the bytes of a file. Run as a program it serves them: bare_site.py PORT THREADS
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_cookie

FOLDER = Path(os.environ.get("BARE_SITE", "."))
PAGE = FOLDER / "page.html"


def configure() -> None:
    """Settings as msgcli's own, without all that is not needed here."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from settings import CACHES, embedded_database

    settings.configure(
        SECRET_KEY="a secret key that is not one, but long enough",
        DATABASES={"default": embedded_database(str(FOLDER / "bare.sqlite3"))},
        CACHES=CACHES,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="bare_site",
        USE_I18N=False,
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()


if not settings.configured:
    configure()


@login_required
@cache_page(60)
@vary_on_cookie
def page(request: HttpRequest) -> HttpResponse:
    """The same bytes each time."""
    return HttpResponse(PAGE.read_bytes())


def session_cookie() -> str:
    """Make the tables, a user and a session; returns the session's cookie."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    user = User.objects.create(username="alice")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


urlpatterns = [path("page/", page)]
application = get_wsgi_application()


def main(port: int, threads: int) -> None:
    """Print the cookie of somebody who is logged in, and serve."""
    import multiprocessing

    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    print(session_cookie(), flush=True)
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        "bare_site:application",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=threads,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
