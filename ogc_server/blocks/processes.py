"""OGC API – Processes: analyses that a client describes, executes, follows and dismisses."""

from __future__ import annotations

from layers.text import Text
from ogc_server.block import Block, Card, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.features import HTML, JSON, link
from ogc_server.processes import definition, endpoints, job_endpoints
from ogc_server.processes.answers import standard
from ogc_server.processes.documents import JOBS_REL, PROCESSES_REL


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [
        link(PROCESSES_REL, JSON, "Processes", f"{base}/processes?f=json"),
        link(PROCESSES_REL, HTML, "Processes as HTML", f"{base}/processes?f=html"),
        link(JOBS_REL, JSON, "Jobs", f"{base}/jobs?f=json"),
    ]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    return definition.definition(language)


BLOCK = Block(
    name="processes",
    classes=uris_of(
        "ogcapi-processes-1/1.0/conf/core",
        "ogcapi-processes-1/1.0/conf/ogc-process-description",
        "ogcapi-processes-1/1.0/conf/json",
        "ogcapi-processes-1/1.0/conf/html",
        "ogcapi-processes-1/1.0/conf/oas30",
        "ogcapi-processes-1/1.0/conf/job-list",
        "ogcapi-processes-1/1.0/conf/dismiss",
    ),
    doors=(
        Door("/processes", {"GET": standard(endpoints.processes)}),
        Door("/processes/{process}", {"GET": standard(endpoints.process)}),
        Door("/processes/{process}/execution", {"POST": standard(endpoints.execute)}),
        Door("/jobs", {"GET": standard(job_endpoints.jobs)}),
        Door(
            "/jobs/{job}",
            {"GET": standard(job_endpoints.job), "DELETE": standard(job_endpoints.dismiss)},
        ),
        Door("/jobs/{job}/results", {"GET": standard(job_endpoints.results)}),
        Door("/jobs/{job}/results/{output}", {"GET": standard(job_endpoints.result)}),
    ),
    landing=_landing,
    definition=_definition,
    cards=(
        Card(
            Text(en="Analyses", zh="分析服务"),
            Text(en="Ask the layers questions, as jobs.", zh="以任务方式对图层进行分析。"),
            "/processes",
        ),
    ),
)
