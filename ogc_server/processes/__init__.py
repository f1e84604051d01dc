"""OGC API – Processes 1.0 (OGC 18-062r2): the algorithms of `analytics` for clients.

What an algorithm may read (`reader`), what a client asks (`requests`), what runs and where it is
kept (`pool`, `layers.store.jobs`), and what is answered (`documents`, `results`).
"""
