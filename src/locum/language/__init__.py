"""Language models that learn from larger ones: where a student comes from, and where it goes.

Everything here needs ``pip install 'locum[lm]'``.
"""

__all__: list[str] = []
