"""What a flow is observed to be: bytes of both sides in, one `Identification` out."""
