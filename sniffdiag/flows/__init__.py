"""Packets folded into flows: a mergeable table, sealed into columns. Bytes are kept, never read."""
