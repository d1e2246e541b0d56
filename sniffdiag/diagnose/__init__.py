"""Rules: disagreements among declared, treated, observed and shown."""
