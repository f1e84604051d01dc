"""From declarations to rules that run, and the list of what there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

import analytics.rules  # noqa: F401 - the rules register themselves when they are imported
from analytics.preparation.parameters import PreparationParameters
from analytics.preparation.stage import Preparation
from analytics.references import References
from analytics.roads.network import NO_ROADS, RoadNetwork
from analytics.roads.parameters import MatchingParameters
from analytics.roads.stage import RoadMatching
from analytics.rule import RULES, Parameters, Rule, Stage
from layers.city import City, RuleDeclaration
from layers.declaration import read
from layers.errors import DeclarationError, OnemapError
from layers.text import Text

# What is declared once for the preparation holds for every rule that does not say otherwise.
_SHARED = ("names", "ship_types")
_P = TypeVar("_P", bound=Parameters)


class UnknownRuleError(OnemapError):
    """No rule of that id is declared by the city."""

    def __init__(self, rule: str, known: Iterable[str]) -> None:
        super().__init__(f"no rule '{rule}' is declared; declared are {', '.join(sorted(known))}")


@dataclass(frozen=True)
class RuleDescription:
    """One configured rule, as a list of rules tells of it.

    Attributes
    ----------
    id, title, version : of the declaration.
    kind : which code runs.
    feed : what it reads.
    event_type : code of what it raises.
    enabled : whether a run without a choice includes it.
    schema : JSON Schema of its parameters.
    parameters : their values, defaults filled in.
    sources : where each value comes from.
    """

    id: str
    title: Text
    version: str
    kind: str
    feed: str
    event_type: str
    enabled: bool
    schema: dict[str, Any]
    parameters: dict[str, Any]
    sources: dict[str, str]


def build(city: City, references: References, only: Iterable[str] | None = None) -> list[Rule]:
    """Make the rules that a city declares.

    Parameters
    ----------
    only : ids of the declarations wanted; None for all enabled ones.

    Raises
    ------
    UnknownRuleError
        where ``only`` names a rule that is not declared.
    DeclarationError
        naming file, line and field of a kind or parameter that does not fit.
    """
    wanted = [r.id for r in city.rules.values() if r.enabled] if only is None else list(only)
    return [_make(city, _declared(city, rule), references) for rule in wanted]


def preparation(city: City) -> Preparation:
    """Make the stage that AIS rows pass before the rules.

    Raises
    ------
    DeclarationError
        naming file, line and field of a parameter that does not fit.
    """
    return Preparation(_declared_preparation(city, "ais", PreparationParameters))


def stage(city: City, references: References, feed: str) -> Stage | None:
    """Make the stage that rows of a feed pass before the rules, None for a feed without one.

    Raises
    ------
    DeclarationError
        naming file, line and field of a parameter that does not fit.
    """
    if feed == "ais":
        return preparation(city)
    if feed == "gps":
        roads = references.haulage.roads
        return truck_stage(city, roads if isinstance(roads, RoadNetwork) else NO_ROADS)
    return None


def truck_stage(city: City, network: RoadNetwork) -> RoadMatching:
    """Make the stage that truck rows pass before the rules.

    Parameters
    ----------
    network : roads of the city, in its CRS; see `analytics.roads.network.network_of`.

    Raises
    ------
    DeclarationError
        naming file, line and field of a parameter that does not fit.
    """
    return RoadMatching(network, matching_parameters(city))


def matching_parameters(city: City) -> MatchingParameters:
    """Give the parameters of the matching of trucks to roads; raises as `truck_stage` does."""
    return _declared_preparation(city, "gps", MatchingParameters)


def check(city: City) -> None:
    """Check the parameters of the preparation and of all declared rules (see `build`)."""
    preparation(city)
    matching_parameters(city)
    nothing = References(zone=city.declaration.zone, crs=city.crs)
    for declaration in city.rules.values():
        _make(city, declaration, nothing)


def describe(city: City, only: Iterable[str] | None = None) -> list[RuleDescription]:
    """Tell what the city's rules are, what they read and with which parameters, by id.

    Parameters
    ----------
    only : ids of the declarations wanted, those that there are; None for all.
    """
    nothing = References(zone=city.declaration.zone, crs=city.crs)
    wanted = sorted(city.rules if only is None else city.rules.keys() & set(only))
    return [_description(_make(city, city.rules[rule], nothing)) for rule in wanted]


def _declared_preparation(city: City, feed: str, model: type[_P]) -> _P:
    try:
        return model.model_validate(getattr(city.preparation, feed))
    except ValidationError as failure:
        first = failure.errors()[0]
        where = (feed, *first["loc"])
        raise read(city.folder / "preparation.yaml").error(where, first["msg"]) from failure


def _declared(city: City, rule: str) -> RuleDeclaration:
    if rule not in city.rules:
        raise UnknownRuleError(rule, city.rules)
    return city.rules[rule]


def _make(city: City, declaration: RuleDeclaration, references: References) -> Rule:
    kind = RULES.get(declaration.kind)
    if kind is None:
        known = ", ".join(sorted(RULES))
        reason = f"no kind of rule is called '{declaration.kind}'; there are {known}"
        raise _error(city, declaration, ("kind",), reason)
    shared = {k: v for k, v in city.preparation.ais.items() if k in _SHARED}
    fields = kind.parameters_model.model_fields
    own = {k: v for k, v in shared.items() if k in fields} | declaration.parameters
    declaration = declaration.model_copy(update={"parameters": own})
    try:
        return kind(declaration, references)
    except ValidationError as failure:
        first = failure.errors()[0]
        found = first.get("input")
        shown = "" if isinstance(found, dict | list) else f" (found {found!r})"
        where = ("parameters", *first["loc"])
        raise _error(city, declaration, where, first["msg"] + shown) from failure


def _error(
    city: City, declaration: RuleDeclaration, at: tuple[str | int, ...], reason: str
) -> DeclarationError:
    file = city.folder / "rules" / f"{declaration.id}.yaml"
    if not file.exists():
        return DeclarationError(file, 0, ".".join(map(str, at)), reason)
    return read(file).error(at, reason)


def _description(rule: Rule) -> RuleDescription:
    declared = rule.declaration
    return RuleDescription(
        id=declared.id,
        title=declared.title,
        version=declared.version,
        kind=rule.kind,
        feed=rule.feed,
        event_type=declared.event_type,
        enabled=declared.enabled,
        schema=rule.parameters_model.model_json_schema(),
        parameters=rule.parameters.model_dump(mode="json"),
        sources=declared.sources,
    )
