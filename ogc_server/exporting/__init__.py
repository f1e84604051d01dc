"""Whole layers in one answer, streamed."""
