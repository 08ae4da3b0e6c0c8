"""Help for the test suite; nothing here runs in production."""
