"""A mesh of real Envoys in network namespaces laid out like pods; see ../README.md."""
