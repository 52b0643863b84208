"""What `python -m benchmarks.cli` does: the command `versus`."""

from benchmarks.cli import main

if __name__ == "__main__":
    main()
