"""Words of the pages, in English and Chinese."""

from __future__ import annotations

from layers.text import Text

WORDS: dict[str, Text] = {
    key: Text(en=en, zh=zh)
    for key, en, zh in (
        ("name", "Onemap", "一张图"),
        ("map", "The one map", "一张图"),
        ("open_map", "Open the map", "打开地图"),
        ("map_words", "All layers, alerts and cases on one map.",
         "所有图层、预警和工单都在同一张地图上。"),
        ("collections", "Layers", "图层"),
        ("collections_words", "What each layer holds, and its rows.", "查看每个图层的内容和数据。"),
        ("api", "API definition", "接口定义"),
        ("api_words", "OpenAPI 3.0, for programs.", "OpenAPI 3.0，供程序调用。"),
        ("conformance", "Conformance", "标准符合性"),
        ("connect", "Use it in your own tools", "在您自己的工具中使用"),
        ("lead",
         "Everything this city looks after is a layer, and every layer opens in any GIS.",
         "城市治理的每个要素都是一个图层，任何 GIS 软件都能打开。"),
        ("in_qgis",
         "QGIS: Layer, Add Layer, Add WFS / OGC API – Features Layer, New; enter this URL.",
         "QGIS：图层 → 添加图层 → 添加 WFS / OGC API 要素图层 → 新建，填入此网址。"),
        ("in_gdal", "GDAL lists the layers and their rows:", "用 GDAL 列出图层和数据："),
        ("in_browser", "A program or a notebook reads rows as GeoJSON:",
         "程序或笔记本以 GeoJSON 读取数据："),
        ("layers_here", "layers", "个图层"),
        ("layer", "Layer", "图层"),
        ("owner", "Department", "主管部门"),
        ("kind", "Kind", "类别"),
        ("geometry", "Geometry", "几何类型"),
        ("no_place", "no place (register)", "无位置（登记簿）"),
        ("time", "Time", "时间"),
        ("update", "Update", "更新"),
        ("standard", "Standard", "标准"),
        ("properties", "Properties", "属性"),
        ("property", "Property", "属性"),
        ("type", "Type", "类型"),
        ("unit", "Unit", "单位"),
        ("values", "Values", "取值"),
        ("title", "Title", "名称"),
        ("see_rows", "See the rows", "查看数据"),
        ("see_fields", "Properties to ask by", "可查询的属性"),
        ("see_schema", "Schema", "数据结构"),
        ("number", "Rows in all", "总数"),
        ("next", "Next page", "下一页"),
        ("previous", "Previous page", "上一页"),
        ("empty", "This layer has no rows for that question.", "没有符合条件的数据。"),
        ("as_json", "JSON", "JSON"),
        ("extent", "Extent", "范围"),
        ("operations", "Feeds and operation", "运行数据"),
        ("background", "Background", "底图"),
        ("findings", "Findings", "发现"),
        ("zoom_in", "Zoom in to see all", "放大可查看全部"),
        ("rule", "Rule", "规则"),
        ("measure", "Measure", "测量项"),
        ("value", "Value", "数值"),
        ("limit", "Limit", "限值"),
        ("margin", "Beyond", "超出"),
        ("references", "Rests on", "依据"),
        ("quality", "Data quality", "数据质量"),
        ("doubts", "Doubts", "存疑"),
        ("state", "State", "状态"),
        ("yes", "yes", "是"),
        ("no", "no", "否"),
        ("alert", "Alert", "预警"),
        ("case", "Case", "工单"),
        ("version", "version", "版本"),
        ("event_type", "Event type", "事件类型"),
        ("departments", "Departments", "处置部门"),
        ("points", "Records", "原始记录"),
        ("comparisons", "Held against", "比对"),
        ("check", "Check", "比对项"),
        ("found", "Found", "实际"),
        ("against", "Against", "对照"),
        ("notable", "Speaks for it", "是否可疑"),
        ("details", "All properties", "全部属性"),
        ("failed", "could not be loaded", "加载失败"),
        ("language", "中文", "English"),
    )
}  # fmt: skip

KINDS: dict[str, Text] = {
    "person": Text(en="person", zh="人"),
    "house": Text(en="house", zh="房"),
    "enterprise": Text(en="enterprise", zh="企"),
    "thing": Text(en="thing", zh="物"),
    "place": Text(en="place", zh="地"),
    "event": Text(en="event", zh="事"),
}


def words(language: str) -> dict[str, str]:
    """All words in one language, by key."""
    return {key: text.say(language) for key, text in WORDS.items()}
