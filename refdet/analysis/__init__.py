"""How sure the numbers of a judged data set are, and why they are not better."""
