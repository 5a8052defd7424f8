"""``python -m taostack``: the same as the ``taostack`` command."""

from taostack.cli import main

if __name__ == "__main__":
    main()
