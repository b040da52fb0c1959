"""The floor of stories: the whole house, real sockets, a clock that jumps."""
