"""What a mesh at a version will do with a declared port (treated)."""
