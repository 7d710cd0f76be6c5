"""Content codings: gzip, deflate, brotli, zstd, undone and done again within bounds."""
