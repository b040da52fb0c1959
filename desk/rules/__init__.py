"""Pure decisions: values in, a Decision out. No I/O, no tables, no clock: rules are given `now`."""
