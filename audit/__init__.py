"""The money audit: what must hold of every row, as queries that find the rows where it does not."""
