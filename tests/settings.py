"""The settings of msgcli with what a host project would add: admin, sessions and URLs."""

import os
from pathlib import Path
from tempfile import gettempdir

os.environ["MSGCLI_CONFIG"] = os.devnull  # whatever the file of who runs the tests says

from settings import *  # noqa: F403
from settings import CACHES, DATABASES, INSTALLED_APPS

SECRET_KEY = "for tests only"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.sessions",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "messaging.access.middleware.CsrfMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "messaging.access.middleware.TokenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "tests.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A real file, so that WAL, locks and erasure are those of a store.
    DATABASES["default"]["TEST"] = {
        "NAME": str(Path(gettempdir(), f"msgcli-test-{os.getpid()}.sqlite3"))
    }
if CACHES["default"]["LOCATION"].startswith("redis"):
    # A part of the server for each process of the tests, which empty it.
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    CACHES["default"]["LOCATION"] = CACHES["default"]["LOCATION"].rpartition("/")[0] + f"/{number}"
