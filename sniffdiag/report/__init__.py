"""Reports: the same content as text, JSON and Markdown, one format a file."""
