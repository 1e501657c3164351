"""`python -m netcheck` and the `netcheck` script."""

import sys

from netcheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
