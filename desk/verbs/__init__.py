"""The acts, by the chapters of the rules: each only loads facts and names the rule that decides."""
