"""OGC API – Records: the catalogue as records."""
