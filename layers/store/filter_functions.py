"""Functions that filters may call beside those that CQL2 itself names (OGC 21-065r2, 7.9).

Each is a SQL function ``onemap_<name>`` on every back end with the same meaning; see
`layers.store.functions` and `layers.store.postgis_functions`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Double, Text, cast, func
from sqlalchemy.types import TypeEngine

from layers.errors import QueryError
from layers.store.filter_values import Kind, Operand, need
from layers.text import Text as Words


@dataclass(frozen=True)
class Function:
    """A function of one value.

    Attributes
    ----------
    takes : type of its argument.
    gives : type of its value; null for null.
    says : what it computes, with its unit.
    """

    takes: Kind
    gives: Kind
    says: Words


FUNCTIONS = {
    "lower": Function(
        "string", "string", Words(en="Text in lower case (Unicode).", zh="转为小写（Unicode）。")
    ),
    "upper": Function(
        "string", "string", Words(en="Text in upper case (Unicode).", zh="转为大写（Unicode）。")
    ),
    "length": Function(
        "string", "number", Words(en="Number of characters of a text.", zh="文本的字符数。")
    ),
    "abs": Function("number", "number", Words(en="Number without its sign.", zh="绝对值。")),
    "floor": Function(
        "number",
        "number",
        Words(en="Greatest whole number that is not greater.", zh="向下取整。"),
    ),
    "ceil": Function(
        "number", "number", Words(en="Least whole number that is not less.", zh="向上取整。")
    ),
    "round": Function(
        "number",
        "number",
        Words(en="Nearest whole number; halves away from zero.", zh="四舍五入取整。"),
    ),
    "area_m2": Function(
        "geometry",
        "number",
        Words(
            en="Area in m² on the WGS 84 ellipsoid (geodesic); 0 for points and lines.",
            zh="WGS 84 椭球面上的面积（平方米）；点和线为 0。",
        ),
    ),
    "length_m": Function(
        "geometry",
        "number",
        Words(
            en="Length of lines, circumference of areas, in m on the WGS 84 ellipsoid "
            "(geodesic); 0 for points.",
            zh="WGS 84 椭球面上线的长度或面的周长（米）；点为 0。",
        ),
    ),
}
# What CQL2 itself names, for the list that clients read.
STANDARD = {
    "casei": Function(
        "string",
        "string",
        Words(en="Text for comparisons that ignore case.", zh="用于不区分大小写的比较。"),
    ),
    "accenti": Function(
        "string",
        "string",
        Words(en="Text for comparisons that ignore accents.", zh="用于不区分变音符号的比较。"),
    ),
}


def call(name: str, arguments: list[Operand]) -> Operand:
    """Compile a call of one of `FUNCTIONS`.

    Raises
    ------
    QueryError
        for a wrong number or type of arguments.
    """
    function = FUNCTIONS[name]
    if len(arguments) != 1:
        raise QueryError(f"'{name}' takes 1 argument, found {len(arguments)}")
    given = arguments[0]
    value = need(given, function.takes, name)
    if function.takes == "number":
        value = cast(value, Double())
    kind: TypeEngine[str] | TypeEngine[float] = Text() if function.gives == "string" else Double()
    element = getattr(func, f"onemap_{name}")(value, type_=kind)
    return Operand(function.gives, element, None, f"{name}({given.said})")
