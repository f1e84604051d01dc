"""What a request brings: its media type, and its body up to a bound."""

from __future__ import annotations

from starlette.requests import Request

from ogc_server.problem import RequestError


def media_type(request: Request) -> str:
    """Media type of a body without its parameters, in lower case; "" where none is told."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def bounded_body(request: Request, most: int, refusal: RequestError) -> bytes:
    """Read a body; what is longer is refused as soon as that shows.

    Parameters
    ----------
    most : bytes that it may have.
    refusal : raised for a longer one.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise refusal
    return bytes(body)
