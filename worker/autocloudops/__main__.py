"""`python -m autocloudops` is the console script."""

from autocloudops.cli.app import main

if __name__ == "__main__":
    main()
