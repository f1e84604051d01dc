"""Images of values: colours of classes, ramps and counts, backgrounds, PNG and JPEG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from layers.rasters.grid import Grid
from layers.rasters.spec import Band, RasterSpec
from layers.rasters.window import Values
from ogc_server.problem import bad_parameter

PARAMETERS = ("bgcolor", "transparent", "void-color", "void-transparent")
PNG, JPEG = "image/png", "image/jpeg"
Rgba = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
_WHITE: Colour = (255, 255, 255)
_STEPS = 1024
_COMPRESSION, _QUALITY = 4, 88
# Half the circumference of the sphere of Web Mercator.
_MERCATOR = 20_037_508.342789244
_VALID = {
    "EPSG:4326": (180.0, 90.0),
    "EPSG:4490": (180.0, 90.0),
    "EPSG:3857": (_MERCATOR, _MERCATOR),
}


@dataclass(frozen=True)
class Background:
    """What lies behind a map, and beyond where its CRS is valid (OGC 20-058, background)."""

    colour: Colour
    transparent: bool
    void: Colour
    void_transparent: bool


def parse_background(values: Mapping[str, str], image: str) -> Background:
    """Read the parameters of a background.

    Parameters
    ----------
    image : ``png`` or ``jpeg``, which can't be transparent.

    Raises
    ------
    RequestError
        400 for a colour that is none.
    """
    colour = _colour(values, "bgcolor", _WHITE)
    clear = _truth(values, "transparent", "bgcolor" not in values)
    void = _colour(values, "void-color", colour)
    void_clear = _truth(values, "void-transparent", clear)
    able = image == "png"
    return Background(colour, clear and able, void, void_clear and able)


def _colour(values: Mapping[str, str], name: str, default: Colour) -> Colour:
    text = values.get(name)
    if text is None:
        return default
    plain = text.strip().lower()
    digits = plain.removeprefix("0x").removeprefix("#")
    if len(digits) == 6 and all(c in "0123456789abcdef" for c in digits):
        red, green, blue = bytes.fromhex(digits)
        return red, green, blue
    if plain in ImageColor.colormap:
        found = ImageColor.getrgb(plain)
        return found[0], found[1], found[2]
    raise bad_parameter(name, f"found {text!r}, expected such as 0xFF8800 or the name of a colour")


def _truth(values: Mapping[str, str], name: str, default: bool) -> bool:
    text = values.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise bad_parameter(name, f"found {text!r}, expected true or false")
    return text == "true"


def paint(spec: RasterSpec, bands: Sequence[Band], values: Values) -> Rgba:
    """Colours of a raster's pixels, shape (rows, columns, 4): clear where there is no value.

    Parameters
    ----------
    bands : one, or three for red, green and blue.
    values : shape (bands, rows, columns).
    """
    hidden = np.ma.getmaskarray(values)
    rows, columns = values.shape[1:]
    image = np.zeros((rows, columns, 4), np.uint8)
    if len(bands) == 3:
        for channel, band in enumerate(bands):
            image[..., channel] = _stretched(band, values.data[channel])
        image[..., 3] = np.where(hidden.any(axis=0), 0, 255)
    else:
        image[..., :3] = _coloured(bands[0], values.data[0])
        image[..., 3] = np.where(hidden[0], 0, 255)
        if bands[0].classes:
            image[..., 3][~np.isin(values.data[0], [row.value for row in bands[0].classes])] = 0
    image[image[..., 3] == 0] = 0
    return image


def drawn_bands(spec: RasterSpec) -> tuple[Band, ...]:
    """Bands that a raster is drawn of: its composite, or its first."""
    if spec.composite is not None:
        return tuple(spec.band(name) for name in spec.composite)
    return spec.bands[:1]


def _stretched(band: Band, values: npt.NDArray[np.generic]) -> Rgba:
    low, high = band.limits
    share = (np.asarray(values, np.float64) - low) / (high - low)
    return np.asarray(np.clip(np.nan_to_num(share), 0, 1) * 255 + 0.5, np.uint8)


def _coloured(band: Band, values: npt.NDArray[np.generic]) -> Rgba:
    if band.classes:
        keys = np.array([row.value for row in band.classes])
        order = np.argsort(keys)
        colours = np.array([tuple(bytes.fromhex(row.colour[1:])) for row in band.classes], np.uint8)
        at = np.clip(np.searchsorted(keys[order], values), 0, len(keys) - 1)
        return np.asarray(colours[order][at], np.uint8)
    table = _table(band)
    low, high = band.limits
    share = (np.asarray(values, np.float64) - low) / (high - low)
    steps = np.clip(np.nan_to_num(share), 0, 1) * (len(table) - 1) + 0.5
    return np.asarray(table[steps.astype(np.int64)], np.uint8)


def _table(band: Band) -> Rgba:
    """Colours at even steps between a band's limits."""
    low, high = band.limits
    if not band.ramp:
        return np.repeat(np.linspace(0, 255, _STEPS).round().astype(np.uint8)[:, None], 3, axis=1)
    stops = [stop.value for stop in band.ramp]
    colours = np.array([tuple(bytes.fromhex(stop.colour[1:])) for stop in band.ramp], float)
    at = np.linspace(low, high, _STEPS)
    channels = [np.interp(at, stops, colours[:, channel]) for channel in range(3)]
    return np.asarray(np.stack(channels, axis=1).round(), np.uint8)


def over(below: Rgba, above: Rgba) -> Rgba:
    """Lay one image over another (Porter and Duff's "over")."""
    a = above[..., 3:].astype(np.float32) / 255
    b = below[..., 3:].astype(np.float32) / 255 * (1 - a)
    alpha = a + b
    mixed = (above[..., :3] * a + below[..., :3] * b) / np.maximum(alpha, 1e-6)
    return np.asarray(np.concatenate([mixed, alpha * 255], axis=2) + 0.5, np.uint8)


def on_background(image: Rgba, grid: Grid, background: Background) -> Rgba:
    """Put a map on its background, and what its CRS is not valid for in the colour of the void."""
    ground = np.empty_like(image)
    ground[..., :3] = background.colour
    ground[..., 3] = 0 if background.transparent else 255
    void = _void(grid)
    if void is not None:
        ground[void, :3] = background.void
        ground[void, 3] = 0 if background.void_transparent else 255
        image = np.where(void[..., None], 0, image).astype(np.uint8)
    clear = image[..., 3] == 0
    mixed = over(ground, image)
    # Clear pixels keep the background's colour, as clients flatten images that they can't blend.
    mixed[clear] = ground[clear]
    return mixed


def _void(grid: Grid) -> npt.NDArray[np.bool_] | None:
    """Pixels outside of where a CRS is valid, None where there are none."""
    limits = _VALID.get(grid.crs)
    west, south, east, north = grid.bounds
    if limits is None or (
        max(abs(west), abs(east)) <= limits[0] and max(abs(south), abs(north)) <= limits[1]
    ):
        return None
    x = west + (np.arange(grid.width) + 0.5) * grid.pixel[0]
    y = north - (np.arange(grid.height) + 0.5) * grid.pixel[1]
    return np.asarray((np.abs(x)[None, :] > limits[0]) | (np.abs(y)[:, None] > limits[1]))


def encode(image: Rgba, kind: str) -> bytes:
    """Write an image as ``png`` or ``jpeg``."""
    out = io.BytesIO()
    if kind == "jpeg":
        Image.fromarray(image[..., :3]).save(out, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        opaque = bool((image[..., 3] == 255).all())
        picture = Image.fromarray(image[..., :3] if opaque else image)
        picture.save(out, "PNG", compress_level=_COMPRESSION)
    return out.getvalue()
