"""OGC API – DGGS on H3: zones, what they hold, what is here."""
