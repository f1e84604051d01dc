"""Pages of processes and jobs for people."""

from __future__ import annotations

from typing import Any, get_args

import orjson

from analytics.algorithm import Algorithm, about
from layers.spec import GeometryType
from layers.store.jobs import Job, Result
from layers.text import Text
from ogc_server.asked import Asked
from ogc_server.coverages.rasters import rasters
from ogc_server.pages import page
from ogc_server.processes import documents

_WORDS = {
    "processes": Text(en="Analyses", zh="分析服务"),
    "processes_words": Text(
        en="What can be computed from the layers. Each is an OGC API process.",
        zh="可对图层进行的分析，均为 OGC API 处理服务。",
    ),
    "jobs": Text(en="My jobs", zh="我的任务"),
    "job": Text(en="Job", zh="任务"),
    "process": Text(en="Analysis", zh="分析"),
    "inputs": Text(en="Inputs", zh="输入"),
    "outputs": Text(en="Outputs", zh="输出"),
    "input": Text(en="Input", zh="输入项"),
    "needed": Text(en="required", zh="必填"),
    "execute": Text(en="Execute", zh="运行"),
    "execute_words": Text(
        en="A request to begin with. With the header Prefer: respond-async it becomes a job.",
        zh="请求示例。加上请求头 Prefer: respond-async 即在后台运行，成为一个任务。",
    ),
    "status": Text(en="Status", zh="状态"),
    "progress": Text(en="Progress", zh="进度"),
    "message": Text(en="Message", zh="说明"),
    "created": Text(en="Asked for", zh="提交时间"),
    "started": Text(en="Started", zh="开始时间"),
    "finished": Text(en="Ended", zh="结束时间"),
    "results": Text(en="Results", zh="结果"),
    "bytes": Text(en="bytes", zh="字节"),
    "none": Text(en="There are no jobs.", zh="没有任务。"),
    "accepted": Text(en="waiting", zh="等待中"),
    "running": Text(en="running", zh="运行中"),
    "successful": Text(en="successful", zh="成功"),
    "failed": Text(en="failed", zh="失败"),
    "dismissed": Text(en="dismissed", zh="已取消"),
}
_REFRESH_S = 2


def _page(asked: Asked, template: str, **values: Any) -> str:
    return page(
        asked,
        template,
        w={key: text.say(asked.language) for key, text in _WORDS.items()},
        **values,
    )


def _links(document: dict[str, Any]) -> dict[str, str]:
    return {row["rel"]: row["href"] for row in document["links"]}


def processes(asked: Asked, document: dict[str, Any]) -> str:
    """Return the list of processes."""
    rows = document["processes"]
    return _page(asked, "processes.html", rows=rows, links=_links(document))


def process(asked: Asked, algorithm: Algorithm, document: dict[str, Any]) -> str:
    """One process with its inputs, its outputs and a request to begin with."""
    shown = rasters(asked.catalogue)
    kinds = {about(field).kind for field in algorithm.inputs.model_fields.values()}
    # What is held against a raster are areas.
    wanted = ("Polygon", "MultiPolygon") if "raster" in kinds else get_args(GeometryType)
    known = {
        "layer": next(
            (s.id for s in asked.catalogue if s.has_geometry and s.geometry in wanted), ""
        ),
        "raster": shown[0].spec.id if shown else "",
    }
    request = documents.example(algorithm, known)
    indented = orjson.dumps(request, option=orjson.OPT_INDENT_2).decode()
    schemas = {
        kind: {name: orjson.dumps(one["schema"]).decode() for name, one in document[kind].items()}
        for kind in ("inputs", "outputs")
    }
    return _page(
        asked,
        "process.html",
        document=document,
        schemas=schemas,
        example=indented,
        command=orjson.dumps(request).decode(),
    )


def jobs(asked: Asked, document: dict[str, Any]) -> str:
    """Return the list of jobs."""
    rows = [one | {"home": _links(one)["monitor"]} for one in document["jobs"]]
    return _page(asked, "jobs.html", rows=rows, links=_links(document))


def job(asked: Asked, record: Job, document: dict[str, Any]) -> str:
    """One job with its progress; the page comes again by itself while the job is not finished."""
    refresh = _REFRESH_S if record.open else None
    inputs = orjson.dumps(document["inputs"], option=orjson.OPT_INDENT_2).decode()
    return _page(
        asked,
        "job.html",
        document=document,
        inputs=inputs,
        links=_links(document),
        refresh=refresh,
    )


def results(asked: Asked, record: Job, found: dict[str, Result]) -> str:
    """Return the outputs of a job, each to be fetched."""
    url = documents.job_url(asked.base, record.id)
    rows = [
        (name, one.media, len(one.body), f"{url}/results/{name}") for name, one in found.items()
    ]
    return _page(asked, "results.html", record=record, rows=rows, home=url)
