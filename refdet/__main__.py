"""`python -m refdet` is the `refdet` command; `torchrun -m refdet` starts several of it."""

from refdet.cli import main

if __name__ == "__main__":
    main()
