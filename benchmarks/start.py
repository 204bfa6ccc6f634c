"""Starting: whole processes, against a plain script that imports the same and a bare Typer app."""

from __future__ import annotations

import sys
from pathlib import Path

from common import FOLDER, MSGCLI, Figures, best_timed, chatter, empty_store, fill, run

# Settings are the same file; what differs is how everything is imported and drawn.
PLAIN = """
import os
import sys

import django
import rich.console
import rich.table
import typer

sys.path.insert(0, sys.argv[1])
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()
from messaging.models import Message

table = rich.table.Table("id", "from", "text")
unread = Message.objects.filter(receiver__username="alice", read=False)
rows = unread.order_by("-timestamp", "-id").values_list("id", "sender__username", "content")
for pk, sender, content in rows:
    table.add_row(str(pk), sender, content)
rich.console.Console().print(table)
"""

BARE = """
import typer

app = typer.Typer()

def show(asked: bool) -> None:
    if asked:
        print("bare 1.0")
        raise typer.Exit()

@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=show, is_eager=True)) -> None:
    \"\"\"Do little.\"\"\"

@app.command()
def one(name: str) -> None:
    \"\"\"Do this.\"\"\"

@app.command()
def two(name: str) -> None:
    \"\"\"Do that.\"\"\"

app()
"""

RUNS = 20
ROOT = str(Path(__file__).parent.parent)  # where settings.py is


def main() -> None:
    """Measure and print."""
    empty_store()
    fill(chatter(1_000_000, 1000), 1000)
    plain, bare = FOLDER / "plain.py", FOLDER / "bare.py"
    plain.write_text(PLAIN)
    bare.write_text(BARE)
    figures = Figures()
    ours, floor = _compare([MSGCLI, "unread", "alice"], [sys.executable, str(plain), ROOT])
    figures.ratio("msgcli unread alice / a plain script", ours, floor, 0.80)
    for option in ("--version", "--help"):
        ours, floor = _compare([MSGCLI, option], [sys.executable, str(bare), option])
        figures.ratio(f"msgcli {option} / a bare Typer app's", ours, floor, 1.30)
    figures.end()


def _compare(ours: list[str], floor: list[str]) -> list[float]:
    run(*ours)
    run(*floor)
    return best_timed(RUNS, lambda: run(*ours), lambda: run(*floor))


if __name__ == "__main__":
    main()
