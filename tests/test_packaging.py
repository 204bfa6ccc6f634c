"""The wheel: what is in it, and that it runs beside other people's settings.py."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import environment_for

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed")

BUILD = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip would, by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_every_module_and_what_they_read(names: set[str]) -> None:
    modules = [*ROOT.glob("msgcli/**/*.py"), *ROOT.glob("messaging/**/*.py")]
    expected = {str(path.relative_to(ROOT)) for path in modules}
    pages = [*ROOT.glob("messaging/**/*.html"), *ROOT.glob("messaging/static/**/*.*")]
    expected |= {str(path.relative_to(ROOT)) for path in pages}
    expected |= {"msgcli/settings.py", "messaging/schema.json"}
    expected |= {"msgcli/py.typed", "messaging/py.typed", "messaging/migrations/0001_initial.py"}
    assert expected <= names


def test_the_wheel_has_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"msgcli", "messaging"}
    assert not [name for name in names if "__pycache__" in name or "conftest" in name]


def test_the_wheel_runs_alone_beside_a_decoy(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "settings.py").write_text("raise SystemExit('the decoy was imported')\n")
    code = (
        "import sys; sys.path[:0] = ['site']; import msgcli.__main__ as m;"
        " assert '/site/' in m.__file__, m.__file__; m.main()"
    )
    env = {**environment_for(tmp_path / "store"), "DJANGO_SETTINGS_MODULE": "settings"}
    for words in (["send", "alice", "bob", "hi"], ["thread", "1"], ["--debug", "check"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Everything is fine.\n")


def test_the_settings_of_the_wheel_are_those_of_the_root(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert archive.read("msgcli/settings.py") == (ROOT / "settings.py").read_bytes()


def test_the_wheel_has_the_command(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "msgcli = msgcli.__main__:main" in archive.read(entries).decode()
