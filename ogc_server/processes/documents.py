"""Processes and jobs as the standard's documents (OGC 18-062r2, 7.9–7.13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from analytics.algorithm import BBOX, About, Algorithm, Output, about
from layers.store.jobs import Job
from layers.text import Text
from ogc_server.features import HTML, JSON, link
from ogc_server.times import write_instant

Document = dict[str, Any]
PROCESSES_REL = "http://www.opengis.net/def/rel/ogc/1.0/processes"
EXECUTE_REL = "http://www.opengis.net/def/rel/ogc/1.0/execute"
JOBS_REL = "http://www.opengis.net/def/rel/ogc/1.0/job-list"
RESULTS_REL = "http://www.opengis.net/def/rel/ogc/1.0/results"
_MODES = ["sync-execute", "async-execute", "dismiss"]
# Of JSON Schema, what OpenAPI 3.0 has too.
_KEPT = (
    "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "pattern", "default", "required", "oneOf", "allOf", "anyOf", "nullable",
    "contentMediaType", "contentEncoding", "$ref",
)  # fmt: skip


def process_url(base: str, key: str) -> str:
    """URL of a process."""
    return f"{base}/processes/{quote(key)}"


def job_url(base: str, key: str) -> str:
    """URL of a job."""
    return f"{base}/jobs/{quote(key)}"


def summary(algorithm: Algorithm, base: str, language: str) -> Document:
    """Return a process as a list of processes tells of it."""
    url = process_url(base, algorithm.id)
    return {
        "id": algorithm.id,
        "title": algorithm.title.say(language),
        "description": algorithm.description.say(language),
        "version": algorithm.version,
        "keywords": list(algorithm.keywords),
        "jobControlOptions": _MODES,
        "outputTransmission": ["value", "reference"],
        "links": [
            link("self", JSON, "This process", f"{url}?f=json"),
            link("alternate", HTML, "This process as HTML", f"{url}?f=html"),
        ],
    }


def description(algorithm: Algorithm, base: str, language: str) -> Document:
    """Return a process with its inputs and outputs (the standard's process description)."""
    document = summary(algorithm, base, language)
    url = process_url(base, algorithm.id)
    document["links"].append(link(EXECUTE_REL, JSON, "Execute", f"{url}/execution"))
    document["inputs"] = inputs(algorithm, language)
    document["outputs"] = {
        name: _output(output, language) for name, output in algorithm.outputs.items()
    }
    return document


def inputs(algorithm: Algorithm, language: str) -> Document:
    """Inputs of a process by name."""
    whole = algorithm.inputs.model_json_schema()
    described = {}
    for name, field in algorithm.inputs.model_fields.items():
        told = about(field)
        described[name] = {
            "title": told.title.say(language),
            "description": _words(told, language),
            "minOccurs": 1 if field.is_required() else 0,
            "maxOccurs": told.most,
            "schema": told.schema or _schema(whole["properties"][name], told),
        }
    return described


_BY_NAME = Text(
    en='Id of a collection of this server, or its address as {"href": …}.',
    zh='本服务中数据集的编号，或其地址 {"href": …}。',
)


def _words(told: About, language: str) -> str:
    text = _BY_NAME if told.kind in ("layer", "raster") else told.title
    return text.say(language)


def _schema(made: Mapping[str, Any], told: About) -> Document:
    """Return the schema of one value, without what is not of OpenAPI 3.0."""
    choices = [part for part in made.get("anyOf", ()) if part.get("type") != "null"]
    plain = dict(made)
    if choices:
        plain |= {"anyOf": choices}
    if len(choices) == 1:
        plain |= plain.pop("anyOf")[0]
    if told.kind == "bbox":
        return dict(BBOX)
    if told.most > 1:
        plain = dict(plain["items"])
    kept = {key: value for key, value in plain.items() if key in _KEPT and value is not None}
    if "exclusiveMinimum" in plain:
        kept |= {"minimum": plain["exclusiveMinimum"], "exclusiveMinimum": True}
    if "items" in plain:
        kept["items"] = {key: value for key, value in plain["items"].items() if key in _KEPT}
    return kept


def _output(output: Output, language: str) -> Document:
    schema = dict(output.schema)
    if len(output.media) > 1:
        texts = [{"type": "string", "contentMediaType": media} for media in output.media[1:]]
        schema = {"oneOf": [schema | {"contentMediaType": output.media[0]}, *texts]}
    return {"title": output.title.say(language), "schema": schema}


def status(record: Job, base: str, language: str) -> Document:
    """Return a job as the standard's ``statusInfo``."""
    url = job_url(base, record.id)
    times = {name: getattr(record, name) for name in ("created", "started", "finished", "updated")}
    links = [
        link("self", JSON, "This job", f"{url}?f=json"),
        link("alternate", HTML, "This job as HTML", f"{url}?f=html"),
        link("monitor", JSON, "Status of this job", url),
        link("type", JSON, "Process", process_url(base, record.process)),
    ]
    if record.status == "successful":
        links.append(link(RESULTS_REL, JSON, "Results", f"{url}/results"))
    return {
        "jobID": record.id,
        "type": "process",
        "processID": record.process,
        "processVersion": record.version,
        "status": record.status,
        "message": record.message,
        "progress": record.progress,
        **{name: write_instant(value) for name, value in times.items() if value is not None},
        "links": links,
    }


def duration_s(record: Job, now: datetime) -> float | None:
    """Seconds that a job has run, None for one that has not begun."""
    if record.started is None:
        return None
    return ((record.finished or now) - record.started).total_seconds()


def example(algorithm: Algorithm, known: Mapping[str, str]) -> Document:
    """A request to execute that a reader can begin with.

    Parameters
    ----------
    known : a layer and a raster that the reader has, by kind of input.
    """
    described = inputs(algorithm, "en")
    made: Document = {}
    for name, field in algorithm.inputs.model_fields.items():
        if field.is_required():
            made[name] = known.get(about(field).kind) or _some(described[name]["schema"])
    return {"inputs": made or {next(iter(algorithm.inputs.model_fields)): "…"}}


def _some(schema: Mapping[str, Any]) -> Any:
    """Some value of a schema, of the right type at least."""
    if schema.get("format") == "date-time":
        return "2020-07-01T00:00:00Z"
    return 8 if schema.get("type") in ("integer", "number") else "…"
