"""The task families, one module each: every module holds a ``FAMILY`` and the pure function that draws it."""
