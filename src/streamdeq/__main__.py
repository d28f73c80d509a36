"""`python -m streamdeq`, and what `torchrun -m streamdeq train` starts: the command line."""

from streamdeq.cli.main import main

if __name__ == "__main__":
    main()
