"""Messages that terminals send in parts, put together again in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.decoders.jt808_frame import Frame

# A part costs memory also where its body is empty.
_LEAST_BYTES = 64
_SERIALS = 0x10000
Key = tuple[str, int, int, int]


class PartsError(ValueError):
    """Parts that can't be put together."""


@dataclass
class _Message:
    touched_s: float
    asked: bool = False
    frames: dict[int, Frame] = field(default_factory=dict)


class Parts:
    """Parts of one connection's messages.

    Parameters
    ----------
    most_bytes : of all parts that wait.
    wait_s : after so many seconds of waiting the missing parts are asked for, once; after as many
        again the message is given up.

    Attributes
    ----------
    held_bytes : of the parts that wait; one counts 64 at least.
    """

    def __init__(self, most_bytes: int, wait_s: float) -> None:
        self.most_bytes, self.wait_s = most_bytes, wait_s
        self._messages: dict[Key, _Message] = {}
        self.held_bytes = 0

    def add(self, frame: Frame, now_s: float) -> Frame | None:
        """Take a part; return the whole message once it is complete, under the last part's serial.

        Raises
        ------
        PartsError
            where more would wait than may.
        """
        # Parts of a message have consecutive serials, so a part that comes again is known.
        first = (frame.serial - frame.part + 1) % _SERIALS
        key = (frame.phone, frame.id, frame.parts, first)
        message = self._messages.setdefault(key, _Message(now_s))
        message.touched_s = now_s
        if frame.part not in message.frames:
            self.held_bytes += _size(frame)
            message.frames[frame.part] = frame
        if len(message.frames) == frame.parts:
            self._drop(key)
            body = b"".join(message.frames[number].body for number in range(1, frame.parts + 1))
            return frame._replace(body=body, parts=0, part=0)
        if self.held_bytes > self.most_bytes:
            self._drop(key)
            raise PartsError(f"more than {self.most_bytes:,} bytes of parts wait")
        return None

    def overdue(self, now_s: float) -> tuple[list[tuple[Frame, list[int]]], list[Frame]]:
        """Return what to ask for, as a part and the missing numbers; and parts to give up."""
        asked: list[tuple[Frame, list[int]]] = []
        given_up: list[Frame] = []
        for key, message in list(self._messages.items()):
            if now_s - message.touched_s < self.wait_s:
                continue
            if message.asked:
                given_up += message.frames.values()
                self._drop(key)
                continue
            message.asked, message.touched_s = True, now_s
            one = next(iter(message.frames.values()))
            missing = [n for n in range(1, one.parts + 1) if n not in message.frames]
            asked.append((one, missing))
        return asked, given_up

    def close(self) -> list[Frame]:
        """Give up everything that waits."""
        waiting = [f for message in self._messages.values() for f in message.frames.values()]
        self._messages.clear()
        self.held_bytes = 0
        return waiting

    def _drop(self, key: Key) -> None:
        self.held_bytes -= sum(map(_size, self._messages.pop(key).frames.values()))


def _size(frame: Frame) -> int:
    return max(len(frame.body), _LEAST_BYTES)
