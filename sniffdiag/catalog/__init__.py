"""What Services declare, and which addresses lead to them (declared)."""
