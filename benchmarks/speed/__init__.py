"""How fast each function is beside what one would use instead: `make bench`."""
