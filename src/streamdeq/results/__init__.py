"""What an answer becomes outside the program: a record, and the places records go to."""
