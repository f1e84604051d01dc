"""Codes with their check characters: made-up numbers in the real form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# GB 32100-2015, table 1: characters without I, O, S, V, Z, and weights 3^i mod 31.
CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
# GB 11714-1997: weights of the organisation code inside it.
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def credit_check(first17: str) -> str:
    """Check character of a unified social credit code (GB 32100-2015, 4.5)."""
    total = sum(
        CREDIT_CHARACTERS.index(c) * w for c, w in zip(first17, CREDIT_WEIGHTS, strict=True)
    )
    return CREDIT_CHARACTERS[(31 - total % 31) % 31]


def organisation_check(first8: str) -> str:
    """Check character of an organisation code of digits (GB 11714-1997)."""
    total = sum(int(c) * w for c, w in zip(first8, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def credit_code(district: str, number: int) -> str:
    """Unified social credit code of a firm: 18 characters with right check characters.

    Parameters
    ----------
    district : six digits of the registering district; ``000000`` where the city has no such codes.
    number : 0 … 99 999 999, different for each firm.
    """
    area = district if len(district) == 6 and district.isdigit() else "000000"
    first8 = f"{number:08d}"
    first17 = f"91{area}{first8}{organisation_check(first8)}"
    return first17 + credit_check(first17)


def component_codes(
    district: str, classes: Sequence[str], count: int, rng: np.random.Generator
) -> list[str]:
    """Component codes of 16 digits: district, class, sequence (the form of GB/T 30428.2).

    Parameters
    ----------
    classes : four-digit classes that the layer's declaration quotes; ``0000`` where it quotes none.
    """
    area = district if len(district) == 6 and district.isdigit() else "000000"
    known = [c for c in classes if len(c) == 4 and c.isdigit()] or ["0000"]
    picked = rng.integers(0, len(known), count)
    given = dict.fromkeys(range(len(known)), 0)
    codes = []
    for i in picked.tolist():
        given[i] += 1
        codes.append(f"{area}{known[i]}{given[i]:06d}")
    return codes
