"""What each stage promises, as queries that return the rows that break the promise."""
