"""A Janus of Debian's with the AudioBridge alone, as an operator would set one up."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.live.server import until
from tests.ports import free_port

FOLDER = Path("/usr/lib/x86_64-linux-gnu/janus")
CONFIGURATION = """\
general: {{
  configs_folder = "{directory}"
  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"
  interface = "127.0.0.1"
  api_secret = "{secret}"
  admin_secret = "{secret}"
  debug_level = 4
}}
nat: {{ ice_enforce_list = "lo" ignore_mdns = true }}
media: {{ rtp_port_range = "{first}-{last}" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
WEBSOCKETS = """\
general: {{ json = "compact" ws = true ws_port = {port} ws_ip = "127.0.0.1" wss = false }}
admin: {{ admin_ws = true admin_ws_port = {admin} admin_ws_ip = "127.0.0.1" }}
"""
AUDIOBRIDGE = """\
general: {{ rtp_port_range = "{first}-{last}" local_ip = "127.0.0.1" }}
"""
SECRET = "between the two of us"


class Janus:
    """One running node; `url` is what ``JANUS_URL`` takes."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._admin = free_port()
        secret = SECRET.replace(" ", "%20")
        query = f"admin_port={self._admin}&admin_secret={secret}"
        self.url = f"ws://:{secret}@127.0.0.1:{self.port}/?{query}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        directory = self._directory
        directory.mkdir(parents=True, exist_ok=True)
        media, plain = free_port(40), free_port(40)
        (directory / "janus.jcfg").write_text(
            CONFIGURATION.format(
                directory=directory,
                folder=FOLDER,
                secret=SECRET,
                first=media,
                last=media + 39,
                plugins=_others("plugins", "audiobridge"),
                transports=_others("transports", "websockets"),
            )
        )
        (directory / "janus.transport.websockets.jcfg").write_text(
            WEBSOCKETS.format(port=self.port, admin=self._admin)
        )
        (directory / "janus.plugin.audiobridge.jcfg").write_text(
            AUDIOBRIDGE.format(first=plain, last=plain + 39)
        )
        log = directory / "janus.log"
        janus = shutil.which("janus")
        assert janus is not None, "set-up installs janus"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [janus, "-F", str(directory), "-C", str(directory / "janus.jcfg")],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        said = f"(port {self.port})..."
        assert until(lambda: said in log.read_text(errors="replace")), log.read_text()

    def hang(self) -> None:
        """Have it do nothing any more, and be there."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _others(kind: str, wanted: str) -> str:
    names = (path.name for path in (FOLDER / kind).glob("*.so"))
    return ",".join(sorted(name for name in names if wanted not in name))


@contextlib.contextmanager
def running(directory: Path, nodes: int = 1) -> Iterator[list[Janus]]:
    """So many nodes, ended afterwards."""
    made = [Janus(directory / f"janus-{number}") for number in range(nodes)]
    try:
        for one in made:
            one.start()
        yield made
    finally:
        for one in made:
            one.kill()
