"""Parts of YONOS-SR."""
