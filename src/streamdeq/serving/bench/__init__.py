"""How many cameras a machine holds, and what becomes of the answers under load, beside what is done today."""
