"""Captures as frame chunks: files, pipes, compressed or not."""
