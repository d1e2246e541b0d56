"""From frames to header columns: one `HeaderTable` for every `FrameChunk`."""
