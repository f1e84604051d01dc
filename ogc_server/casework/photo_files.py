"""Photos of cases as files: named by their digest, without what a camera writes into them.

A camera notes where and with which device a picture was taken. None of it is kept in the file; what
the form says of place and time lies beside it, for each who uploaded it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from cases.refusals import IncompleteError
from layers.text import Text
from ogc_server.catalogue import Catalogue
from ogc_server.problem import not_found

LARGEST = 8 * 1024 * 1024
_MOST_PIXELS = 50_000_000
_LONGEST_SIDE = 12_000
_QUALITY = 88
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Photo:
    """A photo as it is kept.

    Attributes
    ----------
    digest : SHA-256 of ``content``.
    media : type of the content, as found in it.
    width, height : pixels.
    """

    digest: str
    content: bytes
    media: str
    width: int = 0
    height: int = 0


def cleaned(content: bytes) -> Photo:
    """Return a photo upright and without metadata.

    Raises
    ------
    IncompleteError
        for what is none of JPEG, PNG and WebP, can't be read, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(MEDIA)) as image:
                kind, (width, height) = image.format or "", image.size
                if width * height > _MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
                    raise _bad(f"{width} × {height} pixels are too many", "像素过多")
                upright = ImageOps.exif_transpose(image)
                bare = Image.new(_mode(kind, upright.mode), upright.size)
                bare.paste(upright.convert(bare.mode))
    except IncompleteError:
        raise
    # Pillow raises what its decoders happen to: garbage has many forms.
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning,
            OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError,
            EOFError, OverflowError, MemoryError) as failure:  # fmt: skip
        raise _bad(
            "expected a photo: JPEG, PNG or WebP", "应为 JPEG、PNG 或 WebP 照片"
        ) from failure
    written = io.BytesIO()
    bare.save(written, kind, **({} if kind == "PNG" else {"quality": _QUALITY}))
    made = written.getvalue()
    return Photo(hashlib.sha256(made).hexdigest(), made, MEDIA[kind], *bare.size)


def _mode(kind: str, mode: str) -> str:
    clear = kind != "JPEG" and ("A" in mode or mode == "P")
    return "RGBA" if clear else "RGB"


def _bad(en: str, zh: str) -> IncompleteError:
    return IncompleteError("photo", Text(en=en, zh=zh))


class PhotoFiles:
    """Photos in a folder.

    Parameters
    ----------
    folder : made with the first photo.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, photo: Photo, name: str, about: dict[str, Any]) -> None:
        """Keep a photo; the same one again changes nothing.

        Parameters
        ----------
        name : account of who uploaded it.
        about : what the form says of it.
        """
        home = self._home(photo.digest)
        home.mkdir(parents=True, exist_ok=True)
        _write_once(home / photo.media.rpartition("/")[2], photo.content)
        size = {"width": photo.width, "height": photo.height, "bytes": len(photo.content)}
        told = {"by": name, "media": photo.media} | size | about
        _write_once(home / _mark(name), json.dumps(told, ensure_ascii=False).encode())

    def is_from(self, digest: str, name: str) -> bool:
        """Whether somebody uploaded a photo."""
        return bool(_DIGEST.fullmatch(digest)) and (self._home(digest) / _mark(name)).is_file()

    def get(self, digest: str) -> Photo | None:
        """Return a photo, None where there is none."""
        if not _DIGEST.fullmatch(digest):
            return None
        for media in MEDIA.values():
            path = self._home(digest) / media.rpartition("/")[2]
            if path.is_file():
                return Photo(digest, path.read_bytes(), media)
        return None

    def _home(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def photo_files(catalogue: Catalogue) -> PhotoFiles:
    """Photos of a server; RequestError 404 where it keeps none."""
    if catalogue.folder is None:
        raise not_found("a folder for photos")
    return PhotoFiles(catalogue.folder / "photos")


def _mark(name: str) -> str:
    return f"by-{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _write_once(path: Path, content: bytes) -> None:
    """Write a file as a whole where there is none."""
    if path.exists():
        return
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(part).replace(path)
