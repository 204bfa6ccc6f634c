"""The suites that need an environment of their own; `nox -l` lists them."""

from pathlib import Path

import nox

nox.options.sessions = ["oldest", "newest"]
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # a line says that the session was skipped


def suite(session: nox.Session, django: str) -> None:
    """Run the whole suite with one release of Django."""
    session.install("-e", ".[test]", f"Django=={django}")
    session.run("pytest", "-m", "not servers", *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """The oldest Python and Django that are supported."""
    suite(session, "5.2.*")


@nox.session(python="3.13")
def newest(session: nox.Session) -> None:
    """The newest Python and Django that are supported, with more of what hypothesis thinks of."""
    session.env["MSGCLI_EXAMPLES"] = "40"
    suite(session, "6.1.*")


@nox.session(python="3.11")
def postgres(session: nox.Session) -> None:
    """The whole suite on a real PostgreSQL with a real Redis, and what takes several servers."""
    session.install("-e", ".[test]")
    chosen = ("-m", "servers or not slow")
    session.run("python", "-m", "tests.databases", "pytest", *chosen, *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel alone, from a folder with a settings.py that must not be touched."""
    folder = Path(session.create_tmp()).absolute()
    session.install("build")
    session.run("python", "-m", "build", "--quiet", "--wheel", "--outdir", str(folder))
    session.run("python", "-m", "venv", str(folder / "empty"))
    installed = folder / "empty" / "bin"
    built = str(next(folder.glob("*.whl")))
    session.run(str(installed / "pip"), "install", "--quiet", built, external=True)
    (folder / "settings.py").write_text("raise SystemExit('the decoy was imported')\n")
    env = {"MSGCLI_DATA_DIR": str(folder / "store"), "DJANGO_SETTINGS_MODULE": "settings"}
    with session.chdir(folder):
        for words in ("send alice bob hi", "thread 1", "check"):
            session.run(str(installed / "msgcli"), *words.split(), env=env, external=True)
