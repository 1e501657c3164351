"""`python -m netcheck` and the `netcheck` script."""

import sys

try:
    from netcheck.commands.main import main
except KeyboardInterrupt:  # Ctrl-C may come as soon as Python runs
    print("netcheck: interrupted", file=sys.stderr)
    sys.exit(3)

if __name__ == "__main__":
    sys.exit(main())
