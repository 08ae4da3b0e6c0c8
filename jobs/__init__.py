"""What the clock and the outbox owe. Each sweep is idempotent, in batches, and safe in any number
of copies: what it changes is claimed by a conditional update."""
