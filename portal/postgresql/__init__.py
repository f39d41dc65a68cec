"""PostgreSQL as Django knows it, with a bound to the connections of a process."""
