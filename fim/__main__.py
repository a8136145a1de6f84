"""`python3 -m fim` is the command line."""

import sys

from fim.cli import main

if __name__ == "__main__":
    sys.exit(main())
