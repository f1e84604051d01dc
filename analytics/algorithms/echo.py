"""Give inputs back as they came: what a client tries its own requests with."""

from __future__ import annotations

from typing import Any, Literal

from analytics.algorithm import BBOX, TEXT, Inputs, Output, Outputs, Progress, algorithm, given
from analytics.reader import Reader
from layers.query import Box
from layers.text import Text

_LONGEST, _MOST, _LONGEST_PAUSE_S = 10_000, 1000, 30.0
_WORDS = {"type": "string", "maxLength": _LONGEST}
_OBJECT = {"type": "object"}
_MIXED = {"oneOf": [_OBJECT, {"type": "string"}]}
_BINARY = {
    "allOf": [
        {
            "type": "string",
            "format": "byte",
            "contentEncoding": "base64",
            "contentMediaType": "application/octet-stream",
        }
    ]
}


class EchoInputs(Inputs):
    """One input of each kind; none of them has to be given."""

    string_input: str | None = given("Text", "文本", None, max_length=_LONGEST)
    number_input: float | None = given("Number", "数值", None)
    integer_input: int | None = given("Whole number", "整数", None, ge=-(2**53), le=2**53)
    boolean_input: bool | None = given("Truth value", "真假值", None)
    choice_input: Literal[1, 2, 3] | None = given("One of three", "三选一", None)
    array_input: list[int] | None = given(
        "List of whole numbers", "整数列表", None, max_length=_MOST
    )
    several_input: list[str] | None = given(
        "One to five texts", "一至五个文本", None, most=5, min_length=1
    )
    object_input: dict[str, Any] | str | None = given(
        "Object or text", "对象或文本", None, schema=_MIXED
    )
    formatted_input: str | None = given(
        "Text in a format",
        "指定格式的文本",
        None,
        schema=_WORDS | {"contentMediaType": TEXT},
        max_length=_LONGEST,
    )
    binary_input: str | None = given("Bytes", "字节", None, schema=_BINARY, max_length=_LONGEST)
    geometry_input: dict[str, Any] | None = given(
        "Geometry", "几何对象", None, schema=_OBJECT | {"format": "geojson-geometry"}
    )
    bbox_input: Box | None = given("Box", "范围", None, kind="bbox")
    pause: float = given("Seconds to wait", "等待秒数", 0.0, ge=0, le=_LONGEST_PAUSE_S)


_ECHOED = {
    "string_input": Output(Text(en="Text", zh="文本"), {"type": "string"}, (TEXT,)),
    "number_input": Output(Text(en="Number", zh="数值"), {"type": "number"}),
    "integer_input": Output(Text(en="Whole number", zh="整数"), {"type": "integer"}),
    "boolean_input": Output(Text(en="Truth value", zh="真假值"), {"type": "boolean"}),
    "choice_input": Output(Text(en="One of three", zh="三选一"), {"type": "integer"}),
    "array_input": Output(
        Text(en="List of whole numbers", zh="整数列表"),
        {"type": "array", "items": {"type": "integer"}},
    ),
    "several_input": Output(
        Text(en="Texts", zh="文本"), {"type": "array", "items": {"type": "string"}}
    ),
    "object_input": Output(Text(en="Object or text", zh="对象或文本"), _MIXED),
    "formatted_input": Output(
        Text(en="Text in a format", zh="指定格式的文本"), {"type": "string"}, (TEXT,)
    ),
    "binary_input": Output(Text(en="Bytes", zh="字节"), _BINARY),
    "geometry_input": Output(Text(en="Geometry", zh="几何对象"), _OBJECT),
    "bbox_input": Output(Text(en="Box", zh="范围"), BBOX),
}


@algorithm(
    "echo",
    "1.0.0",
    Text(en="Echo", zh="回显"),
    Text(
        en="Gives each input back under its own name, for clients to try their requests with.",
        zh="原样返回各输入项，供客户端测试请求。",
    ),
    EchoInputs,
    _ECHOED,
    keywords=("test",),
)
def echo(reader: Reader, inputs: EchoInputs, progress: Progress) -> Outputs:
    """Give back what was given."""
    progress(0.0, "waiting" if inputs.pause else "")
    if inputs.pause:
        progress.pause(inputs.pause)
    values = inputs.model_dump(exclude={"pause", "bbox_input"}, exclude_none=True)
    if inputs.bbox_input is not None:
        values["bbox_input"] = boxed(inputs.bbox_input)
    return values


def boxed(box: Box) -> dict[str, Any]:
    """Write a lon/lat box as OGC API – Processes does."""
    return {"bbox": list(box), "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
