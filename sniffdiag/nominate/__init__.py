"""What the first bytes of segments look like, in columns."""
