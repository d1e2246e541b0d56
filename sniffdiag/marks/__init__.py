"""Which proxy handled a leg, and as what, from marks in the bytes."""
