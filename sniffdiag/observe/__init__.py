"""Where packets and declarations meet."""
