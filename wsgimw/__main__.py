"""`python -m wsgimw`: the command `wsgimw`, for where scripts are not on the PATH."""

import sys

from wsgimw.cli import main

if __name__ == "__main__":
    sys.exit(main())
