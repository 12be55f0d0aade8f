"""The sdist holds everything, the wheel the package alone, and importing it loads its core."""

import contextlib
import email.message
import email.parser
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import pytest

import wsgimw
from tests.gate import CORE
from tests.test_repository import tracked_files
from tests.venvs import ROOT
from wsgimw.devtools.koans.lessons import KOANS

pytestmark = pytest.mark.slow

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

IMPORT = """
import json, sys
before = set(sys.modules)
import wsgimw
loaded = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
from importlib import metadata
json.dump({
    "loaded": loaded,
    "version": wsgimw.__version__,
    "metadata_version": metadata.version("wsgimw"),
    "entry_points": [
        [point.group, point.name, point.value]
        for point in metadata.distribution("wsgimw").entry_points
    ],
}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Built:
    """The two files that a release consists of."""

    sdist: Path
    wheel: Path

    def dist_info(self, name: str) -> str:
        """Return the text of one file of the wheel's metadata."""
        with zipfile.ZipFile(self.wheel) as wheel:
            return wheel.read(f"wsgimw-{wsgimw.__version__}.dist-info/{name}").decode()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build both by the backend itself: no front end, no network."""
    from flit_core import buildapi

    directory = tmp_path_factory.mktemp("dist")
    with contextlib.chdir(ROOT):
        sdist, wheel = (
            build(str(directory)) for build in (buildapi.build_sdist, buildapi.build_wheel)
        )
    return Built(directory / sdist, directory / wheel)


@pytest.fixture(scope="module")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, and it alone, into an empty environment."""
    venv = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    install = ["install", "--quiet", "--no-deps", "--no-index", str(built.wheel)]
    subprocess.run([*pip, *install], check=True)
    return python


@pytest.fixture(scope="module")
def imported(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Import the package there, outside the checkout, which would shadow it."""
    outside = tmp_path_factory.mktemp("outside")
    command = [str(python), "-I", "-c", IMPORT]
    done = subprocess.run(command, cwd=outside, check=True, capture_output=True)
    return dict(json.loads(done.stdout))


def test_sdist_holds_every_tracked_file_that_matters(built: Built) -> None:
    kept = ("wsgimw/", "tests/", "docs/", "examples/")
    single = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml")
    wanted = {name for name in tracked_files() if name.startswith(kept) or name in single}
    with tarfile.open(built.sdist) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    assert {*single, "tests/__main__.py"} <= held
    assert wanted <= held
    assert not [name for name in held if "__pycache__" in name]


def test_wheel_holds_the_package_and_no_more(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = wheel.namelist()
    info = f"wsgimw-{wsgimw.__version__}.dist-info/"
    assert {
        "wsgimw/py.typed",
        *(f"wsgimw/devtools/koans/broken/{koan.name}" for koan in KOANS),
        *(f"wsgimw/devtools/xray/page.{kind}" for kind in ("css", "js")),
    } <= {*names}
    assert f"{info}licenses/LICENSE" in names
    assert all(name.startswith(("wsgimw/", info)) for name in names)


def test_metadata(built: Built) -> None:
    metadata: email.message.Message = email.parser.Parser().parsestr(built.dist_info("METADATA"))
    assert metadata["Version"] == wsgimw.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    hard = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line.partition(">")[0].strip() for line in hard] == ["werkzeug"]


def test_each_extra_is_one_of_the_design(built: Built) -> None:
    metadata = email.parser.Parser().parsestr(built.dist_info("METADATA"))
    extras = set(metadata.get_all("Provides-Extra", []))
    assert extras == {
        "all",
        "check",
        "compress",
        "compress-fast",
        "htpasswd-legacy",
        "jwt",
        "passwords",
        "redis",
    }


def test_all_is_every_extra() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    (every,) = extras["all"]
    assert set(every.removeprefix("wsgimw[").removesuffix("]").split(",")) == extras.keys() - {
        "all",
        "htpasswd-legacy",
    }


def test_entry_points_of_the_wheel(built: Built) -> None:
    points = ConfigParser()
    points.read_string(built.dist_info("entry_points.txt"))
    assert dict(points["console_scripts"]) == {"wsgimw": "wsgimw.cli:main"}
    assert dict(points["pytest11"]) == {"wsgimw": "wsgimw.testing.plugin"}


def test_installed(python: Path, imported: dict[str, object]) -> None:
    assert imported["version"] == imported["metadata_version"] == wsgimw.__version__
    assert ["console_scripts", "wsgimw", "wsgimw.cli:main"] in imported["entry_points"]  # type: ignore[operator]
    assert (python.parent / "wsgimw").is_file()


def test_the_koans_need_nothing_else(python: Path, tmp_path: Path) -> None:
    """A learner begins with the wheel alone: no extra, no werkzeug, no checkout."""
    statuses = []
    for action in ("new", "check"):
        command = [str(python), "-I", "-m", "wsgimw", "koans", action, "koans"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        statuses.append((done.returncode, done.stderr))
    assert statuses == [(0, ""), (1, "")]
    assert "  0 of 16\n" in done.stdout
    assert "Hint 1 of 3" in done.stdout


def test_import_loads_the_core_alone(python: Path, imported: dict[str, object]) -> None:
    loaded = imported["loaded"]
    assert isinstance(loaded, dict)
    core = {"wsgimw", *(f"wsgimw.{name}" for name in CORE)}
    ours = {name for name in loaded if name.partition(".")[0] == "wsgimw"}
    assert "wsgimw" in ours
    assert not {name for name in ours - core if not name.startswith("wsgimw.http")}
    environment = str(python.parent.parent)
    assert all(file.startswith(environment) for name in ours if (file := loaded[name]))
    others = {name.partition(".")[0] for name in loaded.keys() - ours}
    assert others <= sys.stdlib_module_names
