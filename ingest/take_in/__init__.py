"""One top function a feed: ``take_in(city, store, home, paths, *, at, …) -> Tally``."""
