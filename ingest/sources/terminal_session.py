"""What one JT/T 808 terminal says and is answered, without a socket.

A terminal registers (0x0100) and is given a code, which it shows (0x0102) on each connection before
its locations count. Locations and registrations are answered only once they are kept, so that a
terminal sends again what was lost on the way; everything else is answered at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ingest.decoders.jt808_fixes import Report
from ingest.decoders.jt808_frame import FEED, LONGEST_FRAME, Frame, FrameCutter, pack
from ingest.decoders.jt808_messages import (
    LOCATION_BYTES,
    Message,
    MessageError,
    RegisterResult,
    Registration,
    Result,
    answer,
    locations,
    read_code,
    read_registration,
    register_answer,
    resend_question,
)
from ingest.sources.terminal_codes import Codes
from ingest.sources.terminal_parts import Parts, PartsError
from layers.feeds import Reject

_log = structlog.get_logger()
_NOTED: dict[int, str] = {
    Message.ANSWER: "answer",
    Message.HEARTBEAT: "heartbeat",
    Message.UNREGISTER: "unregister",
}
_LOCATIONS = frozenset({Message.LOCATION, Message.LOCATION_ANSWER, Message.LOCATIONS})
_KNOWN = frozenset(map(int, Message))
# What a refused message weighs beside its body, where refused bytes are counted.
_STRIKE_BYTES = 64
_SERIALS = 0x10000


@dataclass(frozen=True)
class Limits:
    """What one terminal, and all of them, may take.

    Attributes
    ----------
    connections, per_address : at a time, in all and from one address.
    login_s : within which a connection must have shown its code.
    idle_s : without a frame, after which a connection is taken for dead.
    frame_bytes : longest frame, escaped.
    garbage_bytes : refused bytes after which the connection is ended; a frame of a terminal that
        has shown its code forgives what came before.
    parts_bytes, parts_s : see `ingest.sources.terminal_parts.Parts`.
    waiting_rows : locations that wait to be kept before reading stops.
    """

    connections: int = 10_000
    per_address: int = 2_000
    login_s: float = 60.0
    idle_s: float = 600.0
    frame_bytes: int = LONGEST_FRAME
    garbage_bytes: int = 8_192
    parts_bytes: int = 65_536
    parts_s: float = 30.0
    waiting_rows: int = 60_000


def admit_all(registration: Registration, terminal: str) -> RegisterResult:
    """Admit every terminal, for a city without a register of them."""
    return RegisterResult.DONE


def serve_all(terminal: str) -> bool:
    """Serve every terminal whose code is right."""
    return True


@dataclass(frozen=True)
class Entrance:
    """Who may come in.

    Attributes
    ----------
    codes : codes of the terminals.
    plates : plate by number of terminal, where it is known; registrations are noted here.
    open : whether locations count without a code.
    admit : judges a registration.
    serves : whether a terminal whose code is right is still admitted.
    """

    codes: Codes
    plates: dict[str, str] = field(default_factory=dict)
    open: bool = False
    admit: Callable[[Registration, str], RegisterResult] = admit_all
    serves: Callable[[str], bool] = serve_all


@dataclass
class Heard:
    """What some bytes came to.

    Attributes
    ----------
    reports, plates, rejects : to be kept; plates by number of terminal.
    accepted : other messages, by what they were.
    answers : frames to be sent at once; ``later`` those to be sent once all of this is kept.
    hang_up : why the connection is to be ended, "" where it isn't.
    """

    reports: list[Report] = field(default_factory=list)
    plates: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    answers: list[bytes] = field(default_factory=list)
    later: list[bytes] = field(default_factory=list)
    hang_up: str = ""

    def add(self, other: Heard) -> None:
        """Take what is to be kept of another."""
        self.reports += other.reports
        self.plates |= other.plates
        self.rejects += other.rejects
        self.accepted += other.accepted


class Session:
    """One connection.

    Parameters
    ----------
    sender : its name, for the rejects.
    now_s : seconds of any steady clock.

    Attributes
    ----------
    authenticated : number of the terminal that has shown its code, None before.
    """

    def __init__(self, sender: str, entrance: Entrance, limits: Limits, now_s: float) -> None:
        self.sender = sender
        self.authenticated: str | None = None
        self._entrance, self._limits = entrance, limits
        self._cutter = FrameCutter(sender, limits.frame_bytes)
        self._parts = Parts(limits.parts_bytes, limits.parts_s)
        self._begun_s = self._last_s = now_s
        self._serial = self._strikes = self._forgiven = 0
        self._frames = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the parts that wait for others."""
        return self._parts.held_bytes

    def receive(self, data: bytes, now_s: float, now_ms: int) -> Heard:
        """Take some bytes.

        Parameters
        ----------
        now_s : seconds of the steady clock.
        now_ms : when they came, ms since 1970 UTC.
        """
        heard = Heard()
        frames, refused = self._cutter.feed(data)
        heard.rejects += refused
        for frame in frames:
            self._last_s = now_s
            self._frames += 1
            self._frame(frame, heard, now_s, now_ms)
            if self._trusted(frame):
                self._strikes, self._forgiven = 0, self._cutter.refused_bytes
        wrong = self._strikes + self._cutter.refused_bytes - self._forgiven
        if wrong > self._limits.garbage_bytes:
            heard.hang_up = f"{wrong:,} bytes that are refused"
        return heard

    def sweep(self, now_s: float) -> Heard:
        """Do what time demands: ask for parts, give up parts, end a dead connection."""
        heard = Heard()
        asked, given_up = self._parts.overdue(now_s)
        for frame, missing in asked:
            heard.answers.append(pack(resend_question(frame, missing, self._next())))
        self._give_up(given_up, heard)
        limits = self._limits
        welcome = self.authenticated is not None or (self._entrance.open and self._frames)
        if now_s - self._last_s >= limits.idle_s:
            heard.hang_up = f"silent for {limits.idle_s:g} s"
        elif now_s - self._begun_s >= limits.login_s and not welcome:
            heard.hang_up = f"not authenticated within {limits.login_s:g} s"
        return heard

    def close(self) -> Heard:
        """Account for what the end of the connection left unfinished."""
        heard = Heard(rejects=self._cutter.close())
        self._give_up(self._parts.close(), heard)
        return heard

    def _frame(self, frame: Frame, heard: Heard, now_s: float, now_ms: int) -> None:
        if frame.id not in _KNOWN:
            heard.accepted["unsupported"] += 1
            self._answer(frame, Result.NOT_SUPPORTED, heard)
        elif frame.encryption:
            self._refuse(frame, "encrypted", "the body is encrypted", heard)
            self._answer(frame, Result.NOT_SUPPORTED, heard)
        elif not frame.parts:
            self._message(frame, heard, now_ms)
        else:
            self._part(frame, heard, now_s, now_ms)

    def _part(self, frame: Frame, heard: Heard, now_s: float, now_ms: int) -> None:
        if frame.id in _LOCATIONS and not self._trusted(frame):
            self._message(frame, heard, now_ms)
            return
        try:
            whole = self._parts.add(frame, now_s)
        except PartsError as failure:
            self._refuse(frame, "too_long", str(failure), heard)
            self._answer(frame, Result.WRONG_MESSAGE, heard)
            return
        if whole is not None:
            heard.accepted["part"] += frame.parts
            self._message(whole, heard, now_ms)
        else:
            # The last one's answer stands for the whole: missing parts are asked for again.
            self._answer(frame, Result.DONE, heard)

    def _message(self, frame: Frame, heard: Heard, now_ms: int) -> None:
        try:
            if frame.id in _LOCATIONS:
                self._locations(frame, heard, now_ms)
            elif frame.id == Message.REGISTER:
                self._register(frame, heard)
            elif frame.id == Message.AUTHENTICATE:
                self._authenticate(frame, heard)
            else:
                self._note(frame, heard)
        except MessageError as failure:
            self._refuse(frame, "bad_message", failure.detail, heard, failure.field)
            self._answer(frame, Result.WRONG_MESSAGE, heard)

    def _note(self, frame: Frame, heard: Heard) -> None:
        if frame.id == Message.UNREGISTER and frame.terminal == self.authenticated:
            self.authenticated = None
        heard.accepted[_NOTED[frame.id]] += 1
        if frame.id != Message.ANSWER:
            self._answer(frame, Result.DONE, heard)

    def _register(self, frame: Frame, heard: Heard) -> None:
        told, terminal = read_registration(frame), frame.terminal
        result = self._entrance.admit(told, terminal)
        if result == RegisterResult.DONE:
            heard.accepted["register"] += 1
            # Forgiven with the code; who only registers, again and again, is hung up on.
            self._strikes += _STRIKE_BYTES
            if told.plate:
                self._entrance.plates[terminal] = heard.plates[terminal] = told.plate
            _log.info("terminal registered", terminal=terminal, plate=told.plate, at=self.sender)
        else:
            detail = f"plate {told.plate!r}, terminal {told.terminal_id!r}: not in the register"
            self._refuse(frame, "not_admitted", detail, heard)
        code = self._entrance.codes.of(terminal)
        heard.later.append(pack(register_answer(frame, result, code, self._next())))

    def _authenticate(self, frame: Frame, heard: Heard) -> None:
        terminal = frame.terminal
        fits = self._entrance.codes.fit(terminal, read_code(frame))
        if self._entrance.open or (fits and self._entrance.serves(terminal)):
            self.authenticated = terminal
            heard.accepted["authenticate"] += 1
            self._answer(frame, Result.DONE, heard)
            return
        self._refuse(frame, "wrong_code", "not the terminal's code", heard)
        self._answer(frame, Result.FAILED, heard)

    def _locations(self, frame: Frame, heard: Heard, now_ms: int) -> None:
        if not self._trusted(frame):
            self._refuse(frame, "not_authenticated", "locations before the code", heard)
            self._answer(frame, Result.FAILED, heard)
            return
        terminal, offset = frame.terminal, frame.offset
        mover = self._entrance.plates.get(terminal) or f"T{terminal}"
        bodies, failure = locations(frame)
        for body in bodies:
            heard.reports.append(Report(body, mover, terminal, self.sender, offset, now_ms))
        whole = failure is None and all(len(body) >= LOCATION_BYTES for body in bodies)
        if failure is not None:
            self._refuse(frame, "bad_message", failure.detail, heard, failure.field)
        result = Result.DONE if whole else Result.WRONG_MESSAGE
        heard.later.append(pack(answer(frame, result, self._next())))

    def _trusted(self, frame: Frame) -> bool:
        return self._entrance.open or self.authenticated == frame.terminal

    def _give_up(self, frames: list[Frame], heard: Heard) -> None:
        for frame in frames:
            told = f"part {frame.part} of {frame.parts}, others did not come"
            self._refuse(frame, "incomplete", told, heard)

    def _refuse(
        self, frame: Frame, reason: str, detail: str, heard: Heard, field: str = ""
    ) -> None:
        self._strikes += len(frame.body) + _STRIKE_BYTES
        place = f"terminal {frame.terminal}, byte {frame.offset}: {detail}"
        raw = frame.body.hex()
        heard.rejects.append(Reject(FEED, self.sender, 0, field, reason, place, raw))

    def _answer(self, frame: Frame, result: Result, heard: Heard) -> None:
        heard.answers.append(pack(answer(frame, result, self._next())))

    def _next(self) -> int:
        self._serial = (self._serial + 1) % _SERIALS
        return self._serial - 1
