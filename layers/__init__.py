"""Layers: the city as spatial tables on one H3 grid.

Everything a city declares (`city`, `spec`), the reference systems (`crs`, `h3grid`), what a
question to a layer is (`query`), and where rows and positions are kept (`store`, `positions`).
"""

import os

# Arrow reads it when it is first used. Its own allocator keeps what was let go in huge pages: of a
# day of positions nearly twice what they take.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
