"""What features are called when a score is explained."""

from __future__ import annotations

from analytics.fishing.features import FEATURES, WINDOWS_H
from layers.text import Text

_MEASURED = {
    "speed_mean": ("mean speed", "平均航速", "m/s"),
    "speed_sd": ("spread of speed", "航速离散度", "m/s"),
    "course_spread": ("spread of course", "航向离散度", ""),
}
_SHORT = {
    "speed": ("speed", "航速", "m/s"),
    "cruise_speed": ("cruising speed of the day", "当日巡航航速", "m/s"),
    "speed_of_cruise": ("speed over cruising speed", "航速与巡航航速之比", ""),
    "speed_change": ("speed against the mean of 5 min", "航速与5分钟均值之差", "m/s"),
    "net_speed_5min": ("straight-line speed over 5 min", "5分钟直线航速", "m/s"),
    "straight_5min": ("straightness over 5 min", "5分钟航迹直线度", ""),
    "straight_10min": ("straightness over 10 min", "10分钟航迹直线度", ""),
    "straight_20min": ("straightness over 20 min", "20分钟航迹直线度", ""),
    "turning_5min": ("turning over 5 min", "5分钟转向速率", "°/min"),
    "turning_20min": ("turning over 20 min", "20分钟转向速率", "°/min"),
    "course_off_10min": ("course off the mean of 10 min", "航向与10分钟平均航向之差", "°"),
    "slow_share_30min": ("share of slow fixes in 30 min", "30分钟低速占比", ""),
    "slow_share_3h": ("share of slow fixes in 3 h", "3小时低速占比", ""),
    "since_haul": ("time since the last slow spell", "距上次低速作业的时间", "min"),
    "haul_length": ("length of the last slow spell", "上次低速作业时长", "min"),
    "from_haul_end": ("distance from where it ended", "距上次低速作业终点", "m"),
    "from_haul_start": ("distance from where it began", "距上次低速作业起点", "m"),
    "off_haul_line": ("distance from the line of it", "距上次低速作业连线", "m"),
    "along_haul": ("course along the last slow spell (cosine)", "航向与上次作业方向余弦", ""),
    "towards_haul": ("course towards the last slow spell (cosine)", "航向朝上次作业处余弦", ""),
}
TITLES: dict[str, tuple[Text, str]] = {
    f"{name}_{hours:g}h": (
        Text(en=f"{en} over {hours:g} h", zh=f"{hours:g}小时{zh}"),
        unit,
    )
    for hours in WINDOWS_H
    for name, (en, zh, unit) in _MEASURED.items()
} | {name: (Text(en=en, zh=zh), unit) for name, (en, zh, unit) in _SHORT.items()}
"""Title and unit of each of `FEATURES`."""

if set(TITLES) != set(FEATURES):
    raise AssertionError("every feature has a title, and nothing else has")


def explained(name: str, value: float, adds: float) -> Text:
    """Say what one feature was and what it speaks for.

    Parameters
    ----------
    value : in the feature's unit.
    adds : to the log-odds of fishing.
    """
    title, unit = TITLES[name]
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    measured = f"{number} {unit}".strip()
    en, zh = ("for", "支持") if adds > 0 else ("against", "不支持")
    return Text(
        en=f"{title.en} {measured}: speaks {en} fishing ({adds:+.2f})",
        zh=f"{title.zh} {measured}：{zh}捕捞（{adds:+.2f}）",
    )
