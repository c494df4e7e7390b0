"""A gateway between practice management systems and imaging devices."""

__version__ = "0.1.0"
