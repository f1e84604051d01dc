"""Roads and the trucks on them: the network, ways through it, and which road a position is on.

`stage.RoadMatching` stands between the feed ``gps`` and the rules, with state, in history and live
alike: it adds to each row the piece of road that the truck was on and the way from the row before.
"""
