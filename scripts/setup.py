"""Sets up what a command of the Makefile needs, and only what has changed.

    python3 scripts/setup.py run | develop | test

Each step keeps a digest of what it was made of beside what it made, so a
second start does nothing, and deleting a product (``.venv``, ``node_modules``)
makes it be made again. Runs under the system's Python, hence on the standard
library alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
NEWEST_UNSUPPORTED_PYTHON = (3, 10)
OLDEST_NODE = 20

#: The prompts that are spoken at set-up, and the modules that they are made by.
SPOKEN = ROOT / "spoken"
SPEAKERS = ("prompts", "speech", "words")

Command = Sequence[str]

#: What the tests start, and the Debian package that brings it.
PROGRAMS = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "linphonec": "linphone-cli",
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "opusinfo": "opus-tools",
    "redis-server": "redis-server",
    "svwar": "sipvicious",
    "pg_ctlcluster": "postgresql",
    "janus": "janus",
    "turnserver": "coturn",
}


class SetupError(Exception):
    """Something that set-up cannot mend by itself; the text says what to do."""


@dataclass(frozen=True)
class Step:
    """Something made out of files: done again when they change."""

    what: str
    #: Patterns of files, relative to the checkout, and what else decides.
    made_of: tuple[str, ...]
    make: Callable[[], None]
    #: Lies in the product, so that it goes when the product goes.
    stamp: Path
    besides: str = ""
    #: Directories under `made_of` that hold products.
    products: tuple[str, ...] = ()

    def digest(self) -> str:
        """A digest of every file that the step is made of."""
        total = hashlib.sha256(self.besides.encode())
        for path in self._files():
            total.update(str(path.relative_to(ROOT)).encode())
            total.update(path.read_bytes())
        return total.hexdigest()

    def _files(self) -> Iterable[Path]:
        products = [ROOT / product for product in self.products]
        for pattern in self.made_of:
            for path in sorted(ROOT.glob(pattern)):
                if path.is_file() and not any(path.is_relative_to(made) for made in products):
                    yield path

    def bring_up_to_date(self) -> None:
        """Do the step unless its product is of today's files."""
        digest = self.digest()
        if self.stamp.is_file() and self.stamp.read_text() == digest:
            return
        say(self.what)
        self.make()
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(digest)


def say(what: str) -> None:
    """Tell the person who waits, on standard error: standard output is the server's."""
    print(f"parley: {what}", file=sys.stderr, flush=True)


def run(*command: str) -> None:
    """Run a command in the checkout; its failure ends the set-up."""
    try:
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as failure:
        raise SetupError(f"`{' '.join(command)}` failed ({failure.returncode})") from failure


def apt_install(packages: Sequence[str]) -> None:
    """Install Debian packages, as root or through sudo."""
    if shutil.which("apt-get") is None:
        raise SetupError(f"please install: {' '.join(packages)}")
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    run(*prefix, "apt-get", "update", "-qq")
    say(f"installing {' '.join(packages)}")
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    run(*environment, *install, *packages)


def make_venv() -> None:
    """Make the virtual environment; Debian keeps what it needs in a package."""
    if not PYTHON.exists():
        if subprocess.run([sys.executable, "-c", "import ensurepip"], check=False).returncode:
            apt_install(["python3-venv"])
        run(sys.executable, "-m", "venv", str(ROOT / ".venv"))
    pip_install("requirements.txt")


def pip_install(requirements: str) -> None:
    """Bring the virtual environment to the pinned versions."""
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "-r", requirements)


def make_tools() -> None:
    """Install what tests and checks need; one package of it is compiled (`pesq`)."""
    if shutil.which("gcc") is None:
        apt_install(["gcc", "libc6-dev", "python3-dev"])
    pip_install("requirements-dev.txt")


def manage(*arguments: str) -> None:
    """Run one of Django's commands."""
    run(str(PYTHON), "manage.py", *arguments)


def speak_prompts() -> None:
    """Make the spoken prompts, all of them anew: their words may have changed."""
    shutil.rmtree(SPOKEN, ignore_errors=True)
    run(str(PYTHON), "-m", "sipgateway.media.prompts", str(SPOKEN))


def node_version() -> str:
    """Version of Node, or an error that says what is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SetupError(f"Node {OLDEST_NODE} or later with npm is needed")
    said = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    version = said.stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise SetupError(f"Node {OLDEST_NODE} or later is needed, this is {version}")
    return version


def install_programs() -> None:
    """Install the programs that the tests start, where they are absent."""
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if absent:
        apt_install(absent)


def product() -> None:
    """What `make run` needs."""
    Step(
        "setting up the Python environment",
        ("requirements.txt",),
        make_venv,
        stamp=ROOT / ".venv" / "made-of-requirements",
        besides=sys.version,
    ).bring_up_to_date()
    Step(
        "fetching the front end's packages",
        ("package.json", "package-lock.json", ".npmrc"),
        lambda: run("npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"),
        stamp=ROOT / "node_modules" / ".made-of-lock",
        besides=node_version(),
    ).bring_up_to_date()
    Step(
        "building the front end",
        ("package-lock.json", "static/**/*"),
        lambda: run("npm", "run", "--silent", "build"),
        stamp=ROOT / "static" / "dist" / ".made-of-sources",
        products=("static/dist", "static/vendor"),
    ).bring_up_to_date()
    Step(
        "compiling the words of the pages",
        ("requirements.txt", "scripts/words.py", "locale/**/*.po"),
        lambda: run(str(PYTHON), "scripts/words.py", "compile"),
        stamp=ROOT / "locale" / ".made-of-words",
    ).bring_up_to_date()
    Step(
        "collecting static files",
        ("requirements.txt", "static/**/*"),
        lambda: manage("collectstatic", "--no-input", "--clear", "--verbosity", "0"),
        stamp=ROOT / "staticfiles" / ".made-of-static",
    ).bring_up_to_date()
    Step(
        "speaking the prompts",
        ("requirements.txt", *(f"sipgateway/media/{name}.py" for name in SPEAKERS)),
        speak_prompts,
        stamp=SPOKEN / ".made-of-words",
    ).bring_up_to_date()


def develop() -> None:
    """What `make check` needs."""
    product()
    Step(
        "setting up the development tools",
        ("requirements.txt", "requirements-dev.txt"),
        make_tools,
        stamp=ROOT / ".venv" / "made-of-requirements-dev",
        besides=sys.version,
    ).bring_up_to_date()


def test() -> None:
    """What `make test` needs."""
    develop()
    install_programs()


GOALS: dict[str, Callable[[], None]] = {"run": product, "develop": develop, "test": test}


def main(arguments: Sequence[str]) -> int:
    """Bring everything that the named goal needs up to date."""
    if len(arguments) != 1 or arguments[0] not in GOALS:
        print(f"usage: setup.py {' | '.join(GOALS)}", file=sys.stderr)
        return 2
    try:
        if sys.version_info[:2] <= NEWEST_UNSUPPORTED_PYTHON:
            raise SetupError(f"Python 3.11 or later is needed, this is {sys.version}")
        GOALS[arguments[0]]()
    except SetupError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
