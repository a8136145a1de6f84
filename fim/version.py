"""Which fim this is; setup.py and the packages read it here."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
