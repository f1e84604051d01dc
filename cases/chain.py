"""Hash chains over plain JSON: what was written down can't be changed, left out or put in unseen.

Each link's digest is SHA-256 over the digest before, its number and its content, so the last digest
stands for everything up to it. A chain shows every change to whoever holds a later digest; it can't
show that links were cut off its end, so digests belong into other hands as well: evidence packages
carry theirs away.

`canonical` is the JSON Canonicalization Scheme (RFC 8785). Guaranteed: equal JSON values give equal
bytes, whatever made them; ``1``, ``1.0`` and ``1e0`` are one number, as in JSON, and so are 0 and
-0; keys are sorted by UTF-16 code units. Refused, and never written some other way: NaN and
infinities, integers with more digits than a double holds, keys that are no texts, half a surrogate
pair, anything that JSON has no form for. Texts are taken as they are; Unicode normalisation is the
writer's.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layers.errors import OnemapError

# What the first link follows.
GENESIS = "0" * 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**53 - 1
_BITS = 1023
# ECMAScript writes numbers from 1e-6 to below 1e21 without an exponent.
_PLAIN_FROM, _PLAIN_BELOW = -6, 21


class ChainError(OnemapError):
    """Content that has no canonical form, or a digest that is none."""


@dataclass(frozen=True)
class Link:
    """One entry of a chain.

    Attributes
    ----------
    seq : number in its chain, from 1.
    previous : digest of the link before, `GENESIS` for the first.
    content : plain JSON.
    digest : SHA-256 over all of these, 64 hexadecimal digits.
    """

    seq: int
    previous: str
    content: Any
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a file keeps them."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Link:
        """Read what `as_dict` wrote; ChainError where it is nothing such."""
        names = ("seq", "previous", "content", "digest")
        if not isinstance(kept, Mapping) or set(kept) != set(names):
            raise ChainError(f"a link has {', '.join(names)}")
        if type(kept["seq"]) is not int or not all(
            map(_is_digest, (kept[names[1]], kept[names[3]]))
        ):
            raise ChainError("a link has a whole number and two digests of 64 hexadecimal digits")
        return cls(**{name: kept[name] for name in names})


def link(previous_digest_hex: str, content: Any, *, seq: int = 1) -> Link:
    """Make the link that follows a digest.

    Parameters
    ----------
    previous_digest_hex : digest of the link before, `GENESIS` for the first.
    content : plain JSON.
    seq : number of the new link.

    Raises
    ------
    ChainError
        for a digest that is none, a number below 1, content without canonical form.
    """
    if not _is_digest(previous_digest_hex):
        raise ChainError(f"{str(previous_digest_hex)[:80]!r} is no SHA-256 in hexadecimal")
    if seq < 1:
        raise ChainError(f"links are numbered from 1, found {seq}")
    packed = canonical({"content": content, "previous": previous_digest_hex, "seq": seq})
    return Link(seq, previous_digest_hex, content, hashlib.sha256(packed).hexdigest())


def extend(links: Sequence[Link], content: Any) -> Link:
    """Make the link that follows a chain, which may be empty."""
    if not links:
        return link(GENESIS, content)
    return link(links[-1].digest, content, seq=links[-1].seq + 1)


def verify(links: Iterable[Link]) -> int | None:
    """Index of the first link that is broken, None for a whole chain.

    A link is broken where its digest is not that of its content, it does not follow the one before,
    or its number is not the next; the first follows `GENESIS` and is number 1.
    """
    previous = GENESIS
    for index, one in enumerate(links):
        if one.seq != index + 1 or one.previous != previous:
            return index
        try:
            expected = link(previous, one.content, seq=one.seq)
        except ChainError:
            return index
        if expected.digest != one.digest:
            return index
        previous = one.digest
    return None


def digest_of(content: Any) -> str:
    """SHA-256 of plain JSON in its canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(value: Any) -> bytes:
    """Write plain JSON in its one form (RFC 8785; see the module), UTF-8.

    Raises
    ------
    ChainError
        for what has none.
    """
    try:
        return _written(value).encode()
    except UnicodeEncodeError as failure:
        raise ChainError("a text holds half of a surrogate pair") from failure
    except RecursionError as failure:
        raise ChainError("nested too deep") from failure


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(_members(value))}}}"
    raise ChainError(f"JSON has no form for {type(value).__name__}")


def _members(value: dict[Any, Any]) -> list[str]:
    wrong = next((key for key in value if not isinstance(key, str)), None)
    if wrong is not None:
        raise ChainError(f"keys are texts, found {wrong!r}")
    ordered = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return [f"{_written(key)}:{_written(value[key])}" for key in ordered]


def _whole(value: int) -> str:
    exact = abs(value) <= _LARGEST
    text = str(int(value)) if value.bit_length() <= _BITS else ""
    if not exact and (not text or text != _number(float(value))):
        raise ChainError("a whole number has more digits than a double holds; write it as a text")
    return text


def _number(value: float) -> str:
    """A number as ECMAScript writes it: the shortest digits that give it back."""
    if not math.isfinite(value):
        raise ChainError(f"JSON has no form for {value}")
    if value == 0:
        return "0"
    sign, shortest = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, exponent = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits × 10^point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if _PLAIN_FROM < point <= _PLAIN_BELOW:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        if len(digits) <= point:
            return sign + digits + "0" * (point - len(digits))
        return f"{sign}{digits[:point]}.{digits[point:]}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def _is_digest(text: Any) -> bool:
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
