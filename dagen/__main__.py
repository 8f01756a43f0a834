"""``python -m dagen``."""

from dagen.cli import main

if __name__ == "__main__":
    main()
