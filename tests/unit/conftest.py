"""Unit tests import the package of this checkout and the helpers beside them."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]
pytest_plugins = ["drilled_tree"]
