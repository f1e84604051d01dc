r"""AIS sentences (IEC 61162-1 VDM and VDO) and what stands around them.

Around a sentence stand, by habit of the network: a tag block (NMEA 4.10,
``\s:2573535,c:1671533231*08\``), a trailer of the US Coast Guard (``,r003669987,1152921693``), a
Gatehouse line before it (``$PGHP``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import xor
from typing import NamedTuple

# Groups: tag block, body under the checksum, VDM or VDO, parts, part, sequence id, channel,
# payload, fill bits, checksum, trailer.
SENTENCE = re.compile(
    rb"(?:\\([^\\]{0,1024})\\)?[!$]([!-+\--~]{2}(VD[MO]),([1-9]),([1-9]),(\d{0,2}),([0-9A-Za-z]{0,2}),"
    rb"([0-W`-w]+),([0-5]))\*([0-9A-Fa-f]{2})([ -\[\]-~]*)"
)
# The same with anything printable behind the checksum, even backslashes.
ODD_TRAILER = re.compile(SENTENCE.pattern.replace(rb"[ -\[\]-~]*", rb"[ -~]*"))
# Where a second sentence begins on the same line.
NEXT_SENTENCE = re.compile(rb"(?<=\*[0-9A-Fa-f]{2})(?=\\[^\\]*\\[!$]|[!$])")
ANY_SENTENCE = re.compile(rb"[!$]([A-Z][A-Z0-9]{3,11},[^*!$]*)(?:\*([0-9A-Fa-f]{1,2}))?[^*]*")
TAG_ALONE = re.compile(rb"\\([^\\]{1,1024})\\")

_GROUP = re.compile(r"(\d{1,3})-(\d{1,3})-([-\w]{1,16})")
_OLD_GROUP = re.compile(r"(\d)G(\d):([-\w]{1,16})")
_TEXT_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d)[.:](\d\d)[.:](\d\d)")
_UNIX = re.compile(rb"\d{9,13}")
_MS_FROM = 100_000_000_000
_WIDE_BYTES = 128


class Tag(NamedTuple):
    """What a tag block says.

    Attributes
    ----------
    time_ms : receiver time, None where it has none.
    station : sender of the line, "" where it has none.
    group : id of the group of lines, "" where it has none.
    sound : False where its checksum is wrong.
    """

    time_ms: int | None
    station: str
    group: str
    sound: bool


def checksum(body: bytes) -> int:
    """XOR of all bytes between the start of a sentence and its ``*``."""
    if len(body) > _WIDE_BYTES:
        return reduce(xor, body)
    folded = int.from_bytes(body, "little")
    folded ^= folded >> 512
    folded ^= folded >> 256
    folded ^= folded >> 128
    folded ^= folded >> 64
    folded ^= folded >> 32
    folded ^= folded >> 16
    return (folded ^ folded >> 8) & 255


# Stations say the same many times in a second.
@lru_cache(maxsize=4096)
def read_tag(tag: bytes) -> Tag:
    """Read a tag block without its backslashes.

    Networks that add a group to a block often leave its old checksum, and some send ``00``; so a
    wrong checksum makes the block doubtful, not void. The sentence has a checksum of its own.
    """
    fields, _, given = tag.partition(b"*")
    sound = given.upper() == b"%02X" % checksum(fields)
    time_ms, station, group = None, "", ""
    for field in fields.decode("ascii", "replace").split(","):
        key, _, value = field.partition(":")
        if key == "c":
            time_ms = unix_ms(value)
        elif key == "s":
            station = value
        elif key == "g":
            found = _GROUP.fullmatch(value)
            group = found[3] if found else ""
        elif key == "T" and time_ms is None:
            time_ms = _text_ms(value)
        elif (old := _OLD_GROUP.fullmatch(field)) is not None:
            group = old[3]
    return Tag(time_ms, station, group, sound)


def read_trailer(trailer: bytes) -> tuple[int | None, str]:
    """Receiver time in ms and station from the fields behind a sentence's checksum."""
    time_ms, station = None, ""
    for field in trailer.split(b","):
        if time_ms is None and _UNIX.fullmatch(field):
            time_ms = unix_ms(field.decode())
        elif field[:1] in (b"r", b"b") and not station:
            station = field.decode()
    return time_ms, station


def unix_ms(text: str) -> int | None:
    """Unix time given in seconds or milliseconds, as milliseconds; None for what is no number."""
    try:
        value = float(text) if "." in text else int(text)
    except ValueError:
        return None
    if not 0 < value < _MS_FROM * 1000:
        return None
    return int(value) if value >= _MS_FROM else int(value * 1000)


def _text_ms(text: str) -> int | None:
    found = _TEXT_TIME.match(text)
    if not found:
        return None
    try:
        return int(datetime(*map(int, found.groups()), tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def explain(data: bytes) -> tuple[str, str]:
    """Reason and details for a line that looks like an AIS sentence and isn't one."""
    fields = re.sub(rb"^\\[^\\]*\\", b"", data).split(b",")
    if len(fields) < 7:
        return "malformed", f"expected 7 fields, found {len(fields)}"
    if not fields[5]:
        return "empty_payload", "there is nothing between channel and fill bits"
    if re.fullmatch(rb"[0-W`-w]+", fields[5]) is None:
        return "malformed", "the payload has characters that are no six-bit code"
    if re.fullmatch(rb"[0-5]\*[0-9A-Fa-f]{2}.*", fields[6]) is None:
        return "malformed", f"expected fill bits and checksum like 0*5C, found {fields[6][:20]!r}"
    return (
        "malformed",
        "start, part numbers, sequence id or channel are not as IEC 61162-1 has them",
    )
