"""Writing features over HTTP: bodies, versions, units of writing (OGC 20-002)."""
