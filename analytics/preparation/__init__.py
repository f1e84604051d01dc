"""What is done to AIS rows before any rule sees them: whose a position is, and what is no vessel.

`stage.Preparation` stands between the feed and the rules, with state, in history and live alike. It
adds three columns and takes no row away: ``segment``, which of the vessels on one MMSI a position
belongs to; ``aside``, why a row is none of a vessel (a net buoy, a base station, noise …); and
``said``, the static data in force.
"""
