"""Reading a raw mail: bytes in, a `Message` out. Pure and bounded; only `reader` does I/O: it owns processes."""
