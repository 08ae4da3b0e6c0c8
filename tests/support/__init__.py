"""The people of the tests, tied together: users, orders, the provider, books, processes."""
