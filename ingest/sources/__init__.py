"""Where bytes come from: files, standard input, TCP, UDP, MQTT; all give `Line`."""

from ingest.sources.file import SourceError, read_lines, read_text, sha256_of
from ingest.sources.line import MAX_LINE_BYTES, Line

__all__ = ["MAX_LINE_BYTES", "Line", "SourceError", "read_lines", "read_text", "sha256_of"]
