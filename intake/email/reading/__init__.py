"""Reading a raw mail: bytes in, a `Message` out. Pure and bounded; nothing here does I/O but `reader`, which owns processes."""
