"""The only place that sees every layer.

`capture` knows nothing of declarations, so a listing of flows does not pay for importing them.
"""
