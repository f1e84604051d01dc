"""What changes, as server-sent events."""
