"""Parts of CoDi."""
