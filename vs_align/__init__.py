"""vs_align: two versions of the same footage in, one exactly aligned result out, with the numbers that prove it.

The public names stand in `__init__.pyi`. Each is imported when it is first used, so that `import vs_align` stays cheap.
"""

import lazy_loader

from vs_align.io.user_folders import prepare_numba_cache

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

prepare_numba_cache()
