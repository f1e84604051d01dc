"""The standards' own abstract test suites, put to a running server.

Each check carries the name of the abstract test in the standard's Annex A that it carries out, and
knows nothing of our server but its landing page: it can be put to any other
(`python -m tests.cite URL`).
"""
