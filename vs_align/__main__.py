"""`python -m vs_align` is the command `vs-align`."""

from vs_align.cli import main

if __name__ == "__main__":
    main()
