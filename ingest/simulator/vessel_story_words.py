"""Why each planted vessel must raise an event or stay silent, in words."""

from __future__ import annotations

from layers.text import Text

WHY = {
    "unregistered": Text(
        en="Fishing boat in the watch area whose name is not in the register of that day",
        zh="值守区内渔船，船名不在当日登记册中",
    ),
    "lapsed": Text(
        en="Registration ended on the day before (by city time)",
        zh="登记于前一日（按本市时间）届满",
    ),
    "letter_o": Text(
        en="Name has the letter O where a registered name has a zero",
        zh="船名以字母 O 代替登记船名中的数字 0",
    ),
    "registered": Text(en="Registered under exactly this name", zh="船名与登记册完全一致"),
    "registered_spaced": Text(
        en="Registered; the name is sent with blanks in it", zh="已登记，播发船名中带空格"
    ),
    "registered_that_day": Text(
        en="Registered from this very day on (by city time)", zh="自当日（按本市时间）起登记生效"
    ),
    "net_buoy": Text(
        en="Net-position buoy with a fishing boat's name and its battery charge",
        zh="网位仪，名称为渔船名加电量",
    ),
    "cargo_in_watch": Text(
        en="Cargo ship in the watch area, not a fishing boat", zh="值守区内的货船，并非渔船"
    ),
    "unregistered_far": Text(
        en="Not in the register, but outside the watch area", zh="不在登记册中，但位于值守区以外"
    ),
    "unregistered_inside": Text(
        en="Not in the register, and fishing inside the ban zone",
        zh="不在登记册中，且在禁捕区内作业",
    ),
    "presence": Text(
        en="Registered fishing boat that stays inside the fishing ban zone",
        zh="已登记渔船在禁捕区内长时间停留",
    ),
    "crosses_in_and_out": Text(
        en="Registered fishing boat that goes into the ban zone and leaves it after long",
        zh="已登记渔船驶入禁捕区，较长时间后驶离",
    ),
    "brief_crossing": Text(
        en="Inside the ban zone for less than the limit", zh="在禁捕区内时间短于限值"
    ),
    "along_the_edge": Text(
        en="Sails along the ban zone, 100 m outside its edge", zh="沿禁捕区边界外 100 米航行"
    ),
    "transit_cargo": Text(
        en="Cargo ship that passes through the ban zone", zh="货船穿越禁捕区，不适用本规则"
    ),
    "zone_not_in_force": Text(
        en="Fishing in a zone whose ban is not in force on the day", zh="所在区域的禁捕当日并未生效"
    ),
    "one_fix_inside": Text(
        en="Outside the ban zone but for a single wild fix", zh="仅一个漂移定位点落入禁捕区"
    ),
}
