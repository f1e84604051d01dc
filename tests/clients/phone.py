"""A phone: a browser of its size that tests drive tap by tap, with and without a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.clients.pages import WEB


class Phone:
    """A browser with a profile of its own.

    Parameters
    ----------
    profile : folder of what the browser keeps; the same one again is the same phone.
    """

    def __init__(self, node: str, chromium: str, profile: Path) -> None:
        self._process = subprocess.Popen(
            [node, str(WEB / "phone.mjs"), chromium, str(profile)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Phone:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def do(self, what: str, **more: Any) -> Any:
        """Do one thing and wait until it is done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what} | more) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the browser ended at {what} {more}"
        told = json.loads(line)
        assert "failure" not in told, f"{what} {more}: {told['failure']}"
        return told["value"]

    def open(self, url: str, place: tuple[float, float] | None = None) -> None:
        self.do("open", url=url, place=place)

    def tap(self, words: str) -> None:
        self.do("tap", words=words)

    def wait(self, words: str) -> None:
        self.do("wait", words=words)

    def sign_in(self, name: str, secret: str) -> None:
        self.do("fill", selector="input[name=name]", value=name)
        self.do("fill", selector="input[name=secret]", value=secret)
        self.do("touch", selector="form button")
