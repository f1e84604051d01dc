"""Pieces of sentences that several rules use, in English and Chinese."""

from __future__ import annotations

from layers.text import Text

KNOT_MPS = 1852 / 3600


def place(lon: float, lat: float) -> Text:
    """Put a position in words, six decimals (about 0.1 m); degrees, EPSG:4326."""
    x, y = f"{abs(lon):.6f}", f"{abs(lat):.6f}"
    side, side_zh = ("E", "东经") if lon >= 0 else ("W", "西经")
    half, half_zh = ("N", "北纬") if lat >= 0 else ("S", "南纬")
    return Text(en=f"{x}° {side}, {y}° {half}", zh=f"{side_zh}{x}°、{half_zh}{y}°")


def speed(sog_mps: float | None) -> str:
    """Put a speed in words for seafarers; ``-`` where not available."""
    return "-" if sog_mps is None else f"{sog_mps:.2f} m/s ({sog_mps / KNOT_MPS:.1f} kn)"


def minutes(seconds: float) -> Text:
    """Put a duration in words."""
    whole = round(seconds)
    return Text(en=f"{whole // 60} min {whole % 60} s", zh=f"{whole // 60}分{whole % 60}秒")


def kilograms(mass: float) -> str:
    """Put a mass in words, with thousands separated, such as ``51,451 kg``."""
    return f"{mass:,.0f} kg"
