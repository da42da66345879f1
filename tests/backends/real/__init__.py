"""Real backends, what stands between them and gapless, and the account of every item."""
